"""The network of the Omniglot experiment: it pools before it normalises."""

from __future__ import annotations

import keras

from metazoo.checks.options import check_choice
from metazoo.layers import ExactBatchNormalization

NUM_BLOCKS = 4
ORDERS = ("pool_first", "norm_first")
MOMENTUM = 0.9
# That of the released code, 1e-5, as far as the fused kernel goes down.
EPSILON = 1.001e-5


def leap_network(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    filters: int = 64,
    order: str = "pool_first",
    rescaling: tuple[float, float] | None = None,
    name: str = "leap_network",
) -> keras.Model:
    """Four blocks of 3x3 convolution, 2x2 max-pool, batch norm and ReLU.

    Kernels and biases start uniform within 1 / sqrt(fan in).

    Args:
        input_shape: (height, width, channels), height and width 16 or more.
        filters: channels of every convolution.
        order: "pool_first" as in the released code, or "norm_first", that
            of the paper's text: convolution, batch norm, ReLU, pool.
        rescaling: (scale, offset) from raw pixels, or None.
        name: of the model.

    Returns:
        From [examples, height, width, channels] to [examples, features].
    """
    check_choice("order", order, ORDERS)
    inputs = x = keras.Input(tuple(input_shape), name="images")
    if rescaling is not None:
        x = keras.layers.Rescaling(*rescaling, name="rescaling")(x)
    for block in range(1, NUM_BLOCKS + 1):
        x = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            kernel_initializer=fan_in_uniform(),
            bias_initializer=uniform_of(9 * x.shape[-1]),
            name=f"block{block}_conv",
        )(x)
        norm = ExactBatchNormalization(
            momentum=MOMENTUM, epsilon=EPSILON, name=f"block{block}_norm"
        )
        pool = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")
        relu = keras.layers.ReLU(name=f"block{block}_relu")
        layers = [pool, norm, relu]
        if order == "norm_first":
            layers = [norm, relu, pool]
        for layer in layers:
            x = layer(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, x, name=name)


def fan_in_uniform() -> keras.initializers.Initializer:
    """Uniform within 1 / sqrt(fan in), for kernels."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def uniform_of(fan_in: int) -> keras.initializers.Initializer:
    """Uniform within 1 / sqrt(fan in), for biases.

    Args:
        fan_in: of the kernel beside it.
    """
    limit = fan_in**-0.5
    return keras.initializers.RandomUniform(-limit, limit)
