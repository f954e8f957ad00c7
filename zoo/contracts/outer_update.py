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
    clip_elements: float | None = None,
    skip_bad: bool = False,
    loss: tf.Tensor | None = None,
) -> tf.Tensor:
    """Applies the mean over replicas of their gradients.

    Args:
        optimizer: the outer optimizer; it sums over replicas.
        gradients: of this replica's loss, unscaled, one for each variable.
        variables: what to update.
        clip_elements: bound on every element of the mean gradient, before
            the optimizer clips norms; None for none.
        skip_bad: leave everything as it is where a gradient, or the loss,
            is not finite.
        loss: of this replica, looked at for `skip_bad`.

    Returns:
        Whether the update was applied, bool scalar; always True without
        `skip_bad`.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    # Replicas pack gradients by their static sizes and must agree on them.
    gradients = [
        tf.ensure_shape(tf.convert_to_tensor(gradient), variable.shape)
        for gradient, variable in zip(gradients, variables, strict=True)
    ]
    # Clipping makes infinities finite, so what is bad shows before it.
    good = tf.constant(True)
    if skip_bad:
        good = all_finite(gradients if loss is None else [loss, *gradients])
    if replicas > 1:
        clips = clip_elements is not None
        gradients = _mean_over_replicas(optimizer, gradients, clips)
    if clip_elements is not None:
        gradients = [
            tf.clip_by_value(g, -clip_elements, clip_elements)
            for g in gradients
        ]
    if replicas > 1:
        gradients = _clipped_as(optimizer, gradients)
        gradients = [g / replicas for g in gradients]
    scale = loss_scale(optimizer)
    if tf.is_tensor(scale) or scale != 1.0:
        gradients = [g * tf.cast(scale, g.dtype) for g in gradients]
    if not skip_bad:
        optimizer.apply(gradients, variables)
        return good
    return _apply_if(good, optimizer, gradients, variables)


def all_finite(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Whether no gradient of any replica holds NaN or infinity.

    Args:
        gradients: of this replica.

    Returns:
        Bool scalar, the same on every replica.
    """
    # A sum is one pass, and not finite if an element is not.
    bad = [
        ~tf.math.is_finite(tf.reduce_sum(tf.abs(gradient)))
        for gradient in gradients
    ]
    count = tf.reduce_sum(tf.cast(tf.stack(bad), tf.float32))
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        context = tf.distribute.get_replica_context()
        count = context.all_reduce(tf.distribute.ReduceOp.SUM, count)
    return tf.equal(count, 0.0)


def _apply_if(
    good: tf.Tensor,
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor],
    variables: Sequence[keras.Variable],
) -> tf.Tensor:
    def nothing() -> tf.Tensor:
        return tf.constant(False)

    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:

        def apply() -> tf.Tensor:
            optimizer.apply(gradients, variables)
            return tf.constant(True)

        return tf.cond(good, apply, nothing)

    # Replicas can't synchronise inside a branch: the branch is taken once,
    # over all of them.
    def merged(strategy: Any, good: Any, gradients: Any) -> None:
        def apply() -> tf.Tensor:
            strategy.extended.call_for_each_replica(
                lambda *parts: optimizer.apply(parts, variables),
                args=tuple(gradients),
            )
            return tf.constant(True)

        tf.cond(strategy.experimental_local_results(good)[0], apply, nothing)

    tf.distribute.get_replica_context().merge_call(
        merged, args=(good, list(gradients))
    )
    return good


def _mean_over_replicas(
    optimizer: keras.optimizers.Optimizer,
    gradients: list[tf.Tensor],
    clips: bool,
) -> list[tf.Tensor]:
    """The mean where it is needed before the optimizer sums itself.

    Keras clips, and looks for infinities, before the sum, so each replica
    would clip its own share.
    """
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    clips |= any(bound is not None for bound in _bounds(optimizer))
    if not (clips or scaled):
        return gradients
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)


def _clipped_as(
    optimizer: keras.optimizers.Optimizer, gradients: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Clips the mean as the optimizer would clip each replica's share."""
    return _clip(gradients, *_bounds(optimizer))


def _bounds(optimizer: keras.optimizers.Optimizer) -> tuple[Any, Any, Any]:
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    inner = optimizer.inner_optimizer if scaled else optimizer
    return inner.clipnorm, inner.global_clipnorm, inner.clipvalue


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
