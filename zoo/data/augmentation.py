"""Random crops, reflections and colours of images, by stateless seeds."""

from __future__ import annotations

import tensorflow as tf

LEAST_AREA = 0.4
LARGEST_ASPECT = 4 / 3
COLOUR = 0.3


def augmented(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Crops, mirrors and recolours images, each in its own way.

    A crop covers 0.4 to 1 of the area with an aspect of 3/4 to 4/3 and is
    resized to the whole (the random resized crop of Szegedy et al. 2015,
    arXiv:1409.4842, section 6, with a larger least area); half of the images
    are mirrored; brightness, contrast and saturation change by up to 0.3.

    Args:
        images: float32 [examples, height, width, channels], 0..255.
        seed: int64 [2].

    Returns:
        Images of the same shape and range.
    """
    seeds = tf.random.split(tf.cast(seed, tf.int32), 3)
    return _recoloured(_cropped(images, seeds[0], seeds[1]), seeds[2])


def _cropped(
    images: tf.Tensor, seed: tf.Tensor, mirror_seed: tf.Tensor
) -> tf.Tensor:
    count = tf.shape(images)[0]
    draws = tf.random.stateless_uniform([4, count], seed, alg="philox")
    area = LEAST_AREA + (1.0 - LEAST_AREA) * draws[0]
    aspect = tf.pow(LARGEST_ASPECT, 2.0 * draws[1] - 1.0)
    height = tf.minimum(tf.sqrt(area / aspect), 1.0)
    width = tf.minimum(tf.sqrt(area * aspect), 1.0)
    top, left = (1.0 - height) * draws[2], (1.0 - width) * draws[3]
    right = left + width
    mirror = (
        tf.random.stateless_uniform([count], mirror_seed, alg="philox") < 0.5
    )
    # A box whose sides are exchanged is read backwards.
    boxes = tf.stack(
        [
            top,
            tf.where(mirror, right, left),
            top + height,
            tf.where(mirror, left, right),
        ],
        axis=1,
    )
    size = images.shape[1:3]
    crops = tf.image.crop_and_resize(images, boxes, tf.range(count), size)
    return tf.ensure_shape(crops, images.shape)


def _recoloured(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    draws = tf.random.stateless_uniform(
        [3, tf.shape(images)[0], 1, 1, 1], seed, alg="philox"
    )
    factors = 1.0 + COLOUR * (2.0 * draws - 1.0)
    images *= factors[0]
    mean = tf.reduce_mean(images, [1, 2, 3], keepdims=True)
    images = mean + factors[1] * (images - mean)
    grey = tf.reduce_mean(images, -1, keepdims=True)
    images = grey + factors[2] * (images - grey)
    return tf.clip_by_value(images, 0.0, 255.0)
