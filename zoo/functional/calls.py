"""Call a Keras model with a given list of weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def weights_of(
    model: keras.Model,
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Current values of a model's variables, as tensors.

    Convert once, before the first inner step: inner updates then work on
    tensors, and the variables are read once a step.

    Args:
        model: A built model.

    Returns:
        Values of `model.trainable_variables` and of
        `model.non_trainable_variables`, in their order. The second holds
        moving statistics, seed states and frozen weights.

    Raises:
        ValueError: If the model is not built.
    """
    if not model.built:
        raise ValueError(
            f"model: {model.name!r} has no variables yet; call it on data or "
            "build it first."
        )
    trainable = [tf.convert_to_tensor(v) for v in model.trainable_variables]
    others = [tf.convert_to_tensor(v) for v in model.non_trainable_variables]
    return trainable, others


def call(
    model: keras.Model,
    trainable: Sequence[tf.Tensor],
    non_trainable: Sequence[tf.Tensor],
    x: Any,
    training: bool = True,
) -> tuple[Any, list[tf.Tensor]]:
    """Calls a model with other weights than its own, without side effects.

    Differentiable in `trainable`, twice where every layer is: see
    `metazoo.layers.require_exact`.

    Args:
        model: A built model.
        trainable: One tensor for each of `model.trainable_variables`.
        non_trainable: One tensor for each of
            `model.non_trainable_variables`.
        x: The model's input.
        training: Whether layers run in training mode (batch statistics,
            dropout).

    Returns:
        The model's output, and the new non-trainable values (moving
        statistics, seed states). The model's variables stay as they were;
        to keep the new values, pass them to the next call.
    """
    outputs, state = model.stateless_call(
        list(trainable), list(non_trainable), x, training=training
    )
    return outputs, [tf.convert_to_tensor(value) for value in state]
