"""What embedding networks see of raw images."""

from __future__ import annotations

import keras
import tensorflow as tf

# Weights of red, green and blue in grey (ITU-R BT.601).
_GREY = (0.299, 0.587, 0.114)


def prepared_input(
    example_shape: tuple[int, int, int],
    size: int,
    rescaling: tuple[float, float],
) -> keras.Model:
    """Brings raw images to squares of one size and to the range 0..1.

    Smaller images get a margin of zeros (after scaling), larger ones are
    resized.

    Args:
        example_shape: (height, width, channels) of raw images.
        size: height and width to be.
        rescaling: (scale, offset) from raw pixels to 0..1.

    Returns:
        A model without weights.
    """
    height, width, _ = example_shape
    inputs = keras.Input(example_shape, name="images")
    x = keras.layers.Rescaling(*rescaling, name="rescaling")(inputs)
    if height > size or width > size:
        x = keras.layers.Resizing(size, size, antialias=True, name="resize")(x)
    elif (height, width) != (size, size):
        down, right = size - height, size - width
        margin = (
            (down // 2, down - down // 2),
            (right // 2, right - right // 2),
        )
        x = keras.layers.ZeroPadding2D(margin, name="margin")(x)
    return keras.Model(inputs, x, name="prepared")


@keras.saving.register_keras_serializable(package="metazoo")
class SobelEdges(keras.layers.Layer):
    """Horizontal and vertical edges of the grey image; no weights.

    Without colours and absolute brightness a network has to group images by
    shape (Caron et al. 2018, arXiv:1807.05520, section 4).
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Filters images.

        Args:
            x: float [examples, height, width, 1 or 3].

        Returns:
            [examples, height, width, 2]: changes down and to the right.
        """
        if x.shape[-1] == 3:
            x = tf.reduce_sum(x * tf.constant(_GREY, x.dtype), -1, True)
        return tf.image.sobel_edges(x)[..., 0, :]

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Two channels for any number."""
        return (*input_shape[:-1], 2)
