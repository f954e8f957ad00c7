"""Mean and variance that stay right when differentiated twice."""

from __future__ import annotations

from typing import Any

import keras


def exact_moments(
    inputs: Any, axes: list[int], keepdims: bool = False
) -> tuple[Any, Any]:
    """Mean and biased variance, with the whole gradient of every order.

    `tf.nn.moments` (and so `keras.ops.moments`) treats the mean inside the
    variance as a constant. That term vanishes in the first derivative but
    not in the second, so a gradient through a gradient step comes out wrong.

    Args:
        inputs: Float tensor of any rank.
        axes: Axes to reduce over.
        keepdims: Whether reduced axes stay, with length 1.

    Returns:
        Mean and variance, in the dtype of `inputs`.
    """
    mean = keras.ops.mean(inputs, axis=axes, keepdims=True)
    variance = keras.ops.mean(
        keras.ops.square(inputs - mean), axis=axes, keepdims=keepdims
    )
    if not keepdims:
        mean = keras.ops.squeeze(mean, axis=axes)
    return mean, variance
