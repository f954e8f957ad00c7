"""Enlarges feature maps by spreading channels over pixels."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("metazoo")
class SubPixel(keras.layers.Layer):
    """Twice the height and width from four times the channels.

    Source: Shi et al. 2016, arXiv:1609.05158, section 3.2.
    """

    def call(self, inputs: Any) -> Any:
        """Rearranges channels.

        Args:
            inputs: `[examples, height, width, 4 channels]`.

        Returns:
            `[examples, 2 height, 2 width, channels]`.
        """
        return tf.nn.depth_to_space(inputs, 2)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Shape of the enlarged map."""
        examples, height, width, channels = input_shape
        return examples, 2 * height, 2 * width, channels // 4
