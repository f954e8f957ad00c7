"""Edges of images, for networks that are to group them by shape."""

from __future__ import annotations

import keras
import tensorflow as tf

# Weights of red, green and blue in grey (ITU-R BT.601).
_GREY = (0.299, 0.587, 0.114)


@keras.saving.register_keras_serializable("metazoo")
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
