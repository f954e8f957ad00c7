"""Residual blocks of PixelVAE's network (Gulrajani et al. 2017)."""

from __future__ import annotations

from typing import Any

import keras

from metazoo.checks.options import check_choice
from metazoo.layers import MaskedConv2D, SubPixel
from metazoo.layers.normalization import normalize

CHANGES = ("none", "down", "up")


def residual_block(
    x: Any, filters: int, name: str, change: str = "none"
) -> Any:
    """ReLU, 3x3, ReLU, 3x3, batch normalisation, beside a shortcut.

    Args:
        x: `[examples, height, width, channels]`, symbolic.
        filters: channels of the output.
        name: prefix of the layers' names.
        change: "down" halves height and width in the second convolution,
            "up" doubles them in the first.

    Returns:
        The output, symbolic.
    """
    check_choice("change", change, CHANGES)
    channels = x.shape[-1]
    shortcut = x
    if change != "none" or channels != filters:
        shortcut = _convolve(x, filters, 1, f"{name}_shortcut", change)
    x = keras.layers.ReLU(name=f"{name}_relu1")(x)
    first = filters if change == "up" else channels
    up = change if change == "up" else "none"
    x = _convolve(x, first, 3, f"{name}_conv1", up)
    x = keras.layers.ReLU(name=f"{name}_relu2")(x)
    down = change if change == "down" else "none"
    x = _convolve(x, filters, 3, f"{name}_conv2", down, use_bias=False)
    x = normalize(x, "batch", f"{name}_norm")
    return keras.layers.Add(name=f"{name}_add")([x, shortcut])


def gated_block(x: Any, name: str) -> Any:
    """A gated residual block that sees no later pixel.

    Masked 3x3 convolutions; tanh(a) * sigmoid(b) in their middle.

    Args:
        x: `[examples, height, width, channels]`, symbolic.
        name: prefix of the layers' names.

    Returns:
        The output, symbolic, of the same shape.
    """
    channels = x.shape[-1]
    y = keras.layers.ReLU(name=f"{name}_relu")(x)
    y = MaskedConv2D(2 * channels, 3, name=f"{name}_conv1")(y)
    y = Gate(name=f"{name}_gate")(y)
    y = MaskedConv2D(channels, 3, name=f"{name}_conv2")(y)
    return keras.layers.Add(name=f"{name}_add")([x, y])


@keras.saving.register_keras_serializable("metazoo")
class Gate(keras.layers.Layer):
    """tanh of the first half of the channels times sigmoid of the second."""

    def call(self, inputs: Any) -> Any:
        """Gates.

        Args:
            inputs: `[..., 2 channels]`.

        Returns:
            `[..., channels]`.
        """
        a, b = keras.ops.split(inputs, 2, axis=-1)
        return keras.ops.tanh(a) * keras.ops.sigmoid(b)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Half the channels."""
        return *input_shape[:-1], input_shape[-1] // 2


def _convolve(
    x: Any,
    filters: int,
    size: int,
    name: str,
    change: str,
    use_bias: bool = True,
) -> Any:
    if change == "up":
        x = keras.layers.Conv2D(4 * filters, size, padding="same", name=name)(x)
        return SubPixel(name=f"{name}_larger")(x)
    return keras.layers.Conv2D(
        filters,
        size,
        strides=2 if change == "down" else 1,
        padding="same",
        use_bias=use_bias,
        name=name,
    )(x)
