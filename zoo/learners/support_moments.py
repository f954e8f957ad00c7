"""Batch-normalisation statistics of a support set, as plain tensors."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.errors import MetazooError
from metazoo.layers.nested import layers_of


def moving_slots(model: keras.Model) -> list[tuple[int, float]]:
    """Where a model keeps the moving statistics it updates in training.

    Args:
        model: a built model.

    Returns:
        For each mean and variance, its index in
        `model.non_trainable_variables` and the momentum of its layer.

    Raises:
        MetazooError: a layer has momentum 1, so that nothing can be read
            from its update.
    """
    places = {id(v): i for i, v in enumerate(model.non_trainable_variables)}
    slots = []
    for layer in layers_of(model):
        if not hasattr(layer, "moving_mean") or not layer.trainable:
            continue
        if not layer.momentum < 1:
            raise MetazooError(
                f"layer {layer.name} has momentum {layer.momentum}; "
                "statistics of the support set need one below 1."
            )
        for variable in (layer.moving_mean, layer.moving_variance):
            slots.append((places[id(variable)], layer.momentum))
    return slots


def batch_moments(
    model: keras.Model, trainable: Sequence[tf.Tensor], x: tf.Tensor
) -> list[tf.Tensor]:
    """Means and variances that normalise a batch in training mode.

    A layer's update is `old * momentum + batch * (1 - momentum)`; from an
    old value of zero it tells the batch's own statistics. So this works for
    any layer with Keras's convention, and is differentiable.

    Args:
        model: a built model.
        trainable: one tensor per `model.trainable_variables`.
        x: the batch.

    Returns:
        One tensor for each of `moving_slots`.
    """
    slots = moving_slots(model)
    _, others = functional.weights_of(model)
    for index, _ in slots:
        others[index] = tf.zeros_like(others[index])
    _, new = functional.call(model, trainable, others, x, training=True)
    return [new[index] / (1.0 - momentum) for index, momentum in slots]


def with_moments(
    model: keras.Model, moments: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """The model's non-trainable values, statistics replaced.

    Args:
        model: a built model.
        moments: one tensor for each of `moving_slots`.

    Returns:
        One tensor per `model.non_trainable_variables`.
    """
    _, others = functional.weights_of(model)
    for (index, _), value in zip(moving_slots(model), moments, strict=True):
        others[index] = value
    return others
