"""Random turns, scales and shifts of drawings, by uniform draws."""

from __future__ import annotations

import math

import tensorflow as tf

NUM_DRAWS = 4
SMALLEST, LARGEST = 0.8, 1.2
SHIFT = 0.2


def moved(
    images: tf.Tensor, draws: tf.Tensor, fill_value: float = 255.0
) -> tf.Tensor:
    """Turns, scales and shifts each image in its own way.

    Turns by any angle, scales by 0.8 to 1.2, shifts by up to a fifth of the
    width and the height, about the centre (the Omniglot experiment of
    Flennerhag et al. 2019, arXiv:1812.01054).

    Args:
        images: float32 [examples, height, width, channels].
        draws: float32 [examples, 4], uniform in [0, 1): of the angle, the
            scale and the shifts to the right and down.
        fill_value: of pixels from outside; 255 is paper.

    Returns:
        Images of the same shape, interpolated bilinearly.
    """
    height, width = images.shape[1:3]
    angle = 2.0 * math.pi * draws[:, 0]
    inverse = 1.0 / (SMALLEST + (LARGEST - SMALLEST) * draws[:, 1])
    right = width * SHIFT * (2.0 * draws[:, 2] - 1.0)
    down = height * SHIFT * (2.0 * draws[:, 3] - 1.0)
    cos, sin = inverse * tf.cos(angle), inverse * tf.sin(angle)
    # The kernel asks where each pixel of the result comes from.
    x, y = (width - 1) / 2 + right, (height - 1) / 2 + down
    zeros = tf.zeros_like(cos)
    transforms = tf.stack(
        [
            cos,
            -sin,
            (width - 1) / 2 - cos * x + sin * y,
            sin,
            cos,
            (height - 1) / 2 - sin * x - cos * y,
            zeros,
            zeros,
        ],
        axis=1,
    )
    found = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=[height, width],
        fill_value=fill_value,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return tf.ensure_shape(found, images.shape)
