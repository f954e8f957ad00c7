"""Conv4: the four-block convolutional embedding of few-shot learning."""

from __future__ import annotations

from typing import Any

import keras

from metazoo.checks.options import check_choice
from metazoo.layers.input_block import InputBlock
from metazoo.layers.normalization import normalize

_NUM_BLOCKS = 4


def conv4(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    filters: int = 64,
    downsampling: str = "max_pool",
    pooling: str = "flatten",
    normalization: str = "batch",
    rescaling: tuple[Any, Any] | None = None,
    use_bias: bool = False,
    fold_input: bool = False,
    name: str = "conv4",
) -> keras.Model:
    """Four blocks of 3x3 convolution, normalisation, downsampling, ReLU.

    With `downsampling="max_pool"` this is the embedding of Vinyals et al.
    2016 (arXiv:1606.04080, section 4.1) and Snell et al. 2017; with
    `"stride"` the Omniglot network of Finn et al. 2017 (arXiv:1703.03400,
    section 5.1). The pool comes before the ReLU, which gives the same
    value with a quarter of the work. Normalisation layers are the exact
    ones, so the model can be differentiated twice.

    Args:
        input_shape: `[height, width, channels]` of an image.
        filters: Channels of every convolution.
        downsampling: `"max_pool"` (2x2) or `"stride"` (2, padding "same").
        pooling: `"flatten"`, or `"average"` over height and width.
        normalization: `"batch"`, `"offset"` (without a scale),
            `"conditional"`, `"layer"`, `"group"` or `"none"`; see
            `ConditionalBatchNormalization`.
        rescaling: `(scale, offset)` applied to raw pixels in 0..255, or
            None. Omniglot takes `(-1 / 255, 1.0)`: ink becomes 1.
        use_bias: Whether convolutions have a bias; idle in front of batch
            normalisation.
        fold_input: Makes the first block one `InputBlock`, which computes
            the same faster. Its weights are the same in number and order,
            but not in name. Needs batch normalisation without a bias.
        name: Name of the model.

    Returns:
        A functional model from `[examples, height, width, channels]` to
        `[examples, features]`.

    Raises:
        ValueError: If an argument is not one of its choices, or the image
            is too small for four poolings.
    """
    check_choice("downsampling", downsampling, ("max_pool", "stride"))
    check_choice("pooling", pooling, ("flatten", "average"))
    if downsampling == "max_pool" and min(input_shape[:2]) < 2**_NUM_BLOCKS:
        raise ValueError(
            f"input_shape: got {tuple(input_shape)}, expected height and "
            f"width of {2**_NUM_BLOCKS} or more for four 2x2 poolings."
        )
    inputs = x = keras.Input(tuple(input_shape), name="images")
    if rescaling is not None:
        scale, offset = rescaling
        x = keras.layers.Rescaling(scale, offset, name="rescaling")(x)
    if fold_input:
        _check_foldable(normalization, use_bias)
        x = InputBlock(filters, downsampling, name="block1")(x)
    for block in range(2 if fold_input else 1, _NUM_BLOCKS + 1):
        prefix = f"block{block}"
        x = _block(x, filters, downsampling, normalization, use_bias, prefix)
    if pooling == "average":
        x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    else:
        x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, x, name=name)


def _check_foldable(normalization: str, use_bias: bool) -> None:
    if normalization != "batch" or use_bias:
        raise ValueError(
            f"fold_input: got True with normalization={normalization!r} and "
            f"use_bias={use_bias}; expected 'batch' and False."
        )


def _block(
    x: Any,
    filters: int,
    downsampling: str,
    normalization: str,
    use_bias: bool,
    prefix: str,
) -> Any:
    x = keras.layers.Conv2D(
        filters,
        3,
        strides=2 if downsampling == "stride" else 1,
        padding="same",
        use_bias=use_bias,
        name=f"{prefix}_conv",
    )(x)
    x = normalize(x, normalization, f"{prefix}_norm")
    if downsampling == "max_pool":
        x = keras.layers.MaxPooling2D(2, name=f"{prefix}_pool")(x)
    return keras.layers.ReLU(name=f"{prefix}_relu")(x)
