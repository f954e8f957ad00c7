"""Hands a meta-gradient to an optimizer, whatever replicas and scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def build_optimizer(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> None:
    """Makes the slots, and with them the scale that `loss_scale` reads.

    Before it is built, a scale would be traced as a constant.

    Args:
        optimizer: the outer optimizer.
        variables: what it trains.
    """
    if not optimizer.built:
        optimizer.build(variables)


def loss_scale(optimizer: Any) -> float | tf.Tensor:
    """Factor of the loss that keeps small float16 gradients above zero.

    Args:
        optimizer: the outer optimizer, or None.

    Returns:
        The scale; 1.0, not a tensor, where the optimizer does not scale.
    """
    return 1.0 if optimizer is None else optimizer.scale_loss(1.0)


def unscaled(gradients: Sequence[Any], scale: float | tf.Tensor) -> list[Any]:
    """Divides gradients of a scaled loss by its scale.

    Args:
        gradients: one for each variable.
        scale: what `loss_scale` returned.

    Returns:
        The gradients of the loss; infinities stay.
    """
    if not tf.is_tensor(scale) and scale == 1.0:
        return list(gradients)
    return [g / tf.cast(scale, g.dtype) for g in gradients]


def apply_meta_gradients(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor],
    variables: Sequence[keras.Variable],
) -> None:
    """Applies the mean over replicas of their gradients.

    Args:
        optimizer: the outer optimizer; it sums over replicas.
        gradients: of this replica's loss, unscaled, one for each variable.
        variables: what to update.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    # Replicas pack gradients by their static sizes and must agree on them.
    gradients = [
        tf.ensure_shape(tf.convert_to_tensor(gradient), variable.shape)
        for gradient, variable in zip(gradients, variables, strict=True)
    ]
    if replicas > 1:
        gradients = _mean_over_replicas(optimizer, gradients)
        gradients = [g / replicas for g in gradients]
    scale = loss_scale(optimizer)
    if tf.is_tensor(scale) or scale != 1.0:
        gradients = [g * tf.cast(scale, g.dtype) for g in gradients]
    optimizer.apply(gradients, variables)


def _mean_over_replicas(
    optimizer: keras.optimizers.Optimizer, gradients: list[tf.Tensor]
) -> list[tf.Tensor]:
    """The mean where the optimizer needs it before it sums itself.

    Keras clips, and looks for infinities, before the sum, so each replica
    would clip its own share.
    """
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    inner = optimizer.inner_optimizer if scaled else optimizer
    bounds = (inner.clipnorm, inner.global_clipnorm, inner.clipvalue)
    clips = any(bound is not None for bound in bounds)
    if not (clips or scaled):
        return gradients
    context = tf.distribute.get_replica_context()
    mean = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
    return _clip(mean, *bounds)


def _clip(
    gradients: list[tf.Tensor],
    norm: float | None,
    global_norm: float | None,
    value: float | None,
) -> list[tf.Tensor]:
    """Clips in Keras's order; an optimizer has one bound at most."""
    if norm is not None:
        return [tf.clip_by_norm(g, norm) for g in gradients]
    if global_norm is not None:
        return tf.clip_by_global_norm(gradients, global_norm)[0]
    if value is not None:
        return [tf.clip_by_value(g, -value, value) for g in gradients]
    return gradients
