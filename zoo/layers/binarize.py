"""Turns raw pixels into ink and paper."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

MIDDLE = 127.5


def ink_of(x: tf.Tensor, threshold: float = MIDDLE) -> tf.Tensor:
    """1 where a pixel is darker than a threshold, else 0.

    Args:
        x: float tensor of raw pixels; dark is small, as in Omniglot.
        threshold: in the units of the pixels.

    Returns:
        A tensor of the same shape and dtype.
    """
    return tf.cast(x < threshold, x.dtype)


@keras.saving.register_keras_serializable("metazoo")
class Binarize(keras.layers.Layer):
    """Ink of raw pixels: 1 where a pixel is dark, else 0.

    No gradient goes through it.
    """

    def __init__(self, threshold: float = MIDDLE, **kwargs: Any) -> None:
        """Makes the layer.

        Args:
            threshold: pixels below it are ink.
            **kwargs: those of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.threshold = float(threshold)

    def call(self, inputs: Any) -> Any:
        """Thresholds pixels.

        Args:
            inputs: float tensor.

        Returns:
            0 or 1, of the same shape.
        """
        return ink_of(inputs, self.threshold)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "threshold": self.threshold}
