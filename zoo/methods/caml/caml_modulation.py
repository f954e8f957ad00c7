"""From a place in the metric space to scales and shifts of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from metazoo.checks.backbones import check_vector_backbone
from metazoo.checks.options import check_count, check_not_negative
from metazoo.errors import MetazooError

# Under the root of the mean square of an embedding.
EPSILON = 1e-6


class Conditioning(NamedTuple):
    """The settings of `CAML` that MAML has not; see there."""

    metric: keras.Model
    modulation_size: int | None
    modulation_l2: float
    standardize: bool
    multitask_classes: int
    multitask_examples: int
    multitask_weight: float

    def check(self, backbone: keras.Model) -> Conditioning:
        """Refuses settings that make no learner.

        Args:
            backbone: of the learner.

        Returns:
            The same settings.

        Raises:
            MetazooError: one is out of range, or the metric network takes
                other examples than the backbone.
        """
        check_vector_backbone(self.metric)
        own, other = self.metric.input_shape[1:], backbone.input_shape[1:]
        if own != other:
            raise MetazooError(
                f"metric takes examples of shape {own}, the backbone of "
                f"shape {other}."
            )
        if self.modulation_size is not None:
            check_count("modulation_size", self.modulation_size)
        check_not_negative("modulation_l2", self.modulation_l2)
        check_not_negative("multitask_weight", self.multitask_weight)
        if self.multitask_weight:
            check_count("multitask_classes", self.multitask_classes)
            check_count("multitask_examples", self.multitask_examples)
        return self


def modulation_net(
    size: int,
    channels: Sequence[int],
    hidden: int | None = None,
    l2: float = 0.0,
    dtype: Any = None,
) -> keras.Model:
    """One net g(z) = V relu(U z) for each layer, side by side.

    V starts at zero, so that training starts from the layers' own scales
    and shifts.

    Args:
        size: entries of z.
        channels: of each layer.
        hidden: rows of U; by default `size`.
        l2: penalty on the squares of V.
        dtype: of the weights; Keras's own by default.

    Returns:
        A model from `[examples, size]` to `[examples, 2 * sum(channels)]`:
        scales and shifts of the first layer, then of the next.
    """
    z = keras.Input((size,), dtype=dtype, name="place")
    penalty = keras.regularizers.L2(l2) if l2 else None
    parts = []
    for number, count in enumerate(channels, 1):
        code = keras.layers.Dense(
            hidden or size,
            "relu",
            use_bias=False,
            dtype=dtype,
            name=f"block{number}_u",
        )(z)
        parts.append(
            keras.layers.Dense(
                2 * count,
                use_bias=False,
                kernel_initializer="zeros",
                kernel_regularizer=penalty,
                dtype=dtype,
                name=f"block{number}_v",
            )(code)
        )
    joined = parts[0]
    if len(parts) > 1:
        joined = keras.layers.Concatenate(dtype=dtype, name="all")(parts)
    return keras.Model(z, joined, name="modulation")


def standardised(z: tf.Tensor) -> tf.Tensor:
    """Mean 0 and root mean square 1 over the entries of each example.

    Args:
        z: float [examples, embedding].
    """
    z -= tf.reduce_mean(z, -1, keepdims=True)
    square = tf.reduce_mean(tf.square(z), -1, keepdims=True)
    return z * tf.math.rsqrt(square + EPSILON)
