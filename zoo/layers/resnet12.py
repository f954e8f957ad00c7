"""ResNet-12: the residual embedding of few-shot learning."""

from __future__ import annotations

from typing import Any

import keras

from metazoo.checks.options import check_choice
from metazoo.layers.normalization import normalize

_SLOPE = 0.1


def resnet12(
    input_shape: tuple[int, int, int] = (84, 84, 3),
    filters: tuple[int, ...] = (64, 160, 320, 640),
    pooling: str = "average",
    normalization: str = "batch",
    rescaling: tuple[Any, Any] | None = None,
    stem_filters: int | None = None,
    block_layers: int = 3,
    name: str = "resnet12",
) -> keras.Model:
    """Residual blocks of three 3x3 convolutions, each block then pooled.

    Four blocks make the network of Lee et al. 2019 (MetaOptNet,
    arXiv:1904.03758, section 4.1): leaky ReLU of slope 0.1, a 1x1
    convolution on every shortcut, 2x2 max-pooling after every block. Their
    DropBlock regularisation is not part of it. Normalisation layers are
    the exact ones, so the model can be differentiated twice.

    Args:
        input_shape: `[height, width, channels]` of an image.
        filters: Channels of each block.
        pooling: `"average"` over height and width, or `"flatten"`.
        normalization: `"batch"`, `"layer"`, `"group"` or `"none"`.
        rescaling: `(scale, offset)` applied to raw pixels in 0..255, or
            None.
        stem_filters: Channels of a 3x3 convolution of stride 2 in front of
            the blocks, which then take a quarter of the time; None for none.
        block_layers: 3x3 convolutions of a block.
        name: Name of the model.

    Returns:
        A functional model from `[examples, height, width, channels]` to
        `[examples, features]`.

    Raises:
        ValueError: If an argument is not one of its choices, or the image
            is too small for the poolings.
    """
    check_choice("pooling", pooling, ("average", "flatten"))
    halvings = len(filters) + (stem_filters is not None)
    if min(input_shape[:2]) < 2**halvings:
        raise ValueError(
            f"input_shape: got {tuple(input_shape)}, expected height and "
            f"width of {2**halvings} or more for {len(filters)} 2x2 "
            "poolings."
        )
    inputs = x = keras.Input(tuple(input_shape), name="images")
    if rescaling is not None:
        scale, offset = rescaling
        x = keras.layers.Rescaling(scale, offset, name="rescaling")(x)
    if stem_filters is not None:
        x = _convolve(x, stem_filters, 3, normalization, "stem", strides=2)
        x = keras.layers.LeakyReLU(_SLOPE, name="stem_relu")(x)
    for block, channels in enumerate(filters, 1):
        prefix = f"block{block}"
        x = _block(x, channels, normalization, prefix, block_layers)
    if pooling == "average":
        x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    else:
        x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, x, name=name)


def _block(
    x: Any, filters: int, normalization: str, prefix: str, layers: int
) -> Any:
    shortcut = _convolve(x, filters, 1, normalization, f"{prefix}_shortcut")
    for layer in range(1, layers + 1):
        x = _convolve(x, filters, 3, normalization, f"{prefix}_{layer}")
        if layer < layers:
            x = keras.layers.LeakyReLU(_SLOPE, name=f"{prefix}_{layer}_relu")(x)
    x = keras.layers.Add(name=f"{prefix}_add")([x, shortcut])
    # Pooling first gives the same value: leaky ReLU is monotone.
    x = keras.layers.MaxPooling2D(2, name=f"{prefix}_pool")(x)
    return keras.layers.LeakyReLU(_SLOPE, name=f"{prefix}_relu")(x)


def _convolve(
    x: Any,
    filters: int,
    size: int,
    normalization: str,
    prefix: str,
    strides: int = 1,
) -> Any:
    x = keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        name=f"{prefix}_conv",
    )(x)
    return normalize(x, normalization, f"{prefix}_norm")
