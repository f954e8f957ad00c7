"""Inner-loop gradient descent on lists of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from metazoo.functional.own_graph import own_graph

Weights = list[tf.Tensor]
LossFn = Callable[[Weights], tf.Tensor]
StatefulLossFn = Callable[[Weights, Any], tuple[tf.Tensor, Any]]
LearningRate: TypeAlias = "float | tf.Tensor | Sequence[float | tf.Tensor]"


def sgd_step_with_state(
    loss_fn: StatefulLossFn,
    weights: Sequence[tf.Tensor],
    state: Any,
    learning_rate: LearningRate,
    first_order: bool,
    adapts: Sequence[bool] | None = None,
) -> tuple[Weights, Any]:
    """One gradient step, with state carried through the loss.

    Source: Finn et al. 2017, arXiv:1703.03400, equation 1.

    Args:
        loss_fn: From weights and state to a scalar loss and the new state
            (moving statistics, seed states).
        weights: Weights to start from.
        state: Structure of tensors handed to `loss_fn`.
        learning_rate: A number or scalar tensor for all weights, or a list
            with one entry for each weight, scalar or shaped as the weight
            (Li et al. 2017, arXiv:1707.09835).
        first_order: Whether the gradient counts as a constant when the
            result is differentiated.
        adapts: One boolean for each weight: whether it takes the step.
            None means all do. Weights that don't are no part of the inner
            gradient, but stay part of the outer one.

    Returns:
        The new weights and the new state. A weight that the loss does not
        depend on keeps its value.

    Raises:
        ValueError: If `learning_rate` or `adapts` has not one entry for
            each weight, or no weight adapts.
    """
    weights = list(weights)
    rates = _one_for_each(learning_rate, weights)
    chosen = _indices(adapts, weights)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        watched = [weights[i] for i in chosen]
        tape.watch(watched)
        loss, state = loss_fn(weights, state)
    gradients = tape.gradient(loss, watched)
    for i, gradient in zip(chosen, gradients, strict=True):
        if gradient is None:
            continue
        gradient = tf.convert_to_tensor(gradient)
        if first_order:
            gradient = tf.stop_gradient(gradient)
        weights[i] = weights[i] - _cast(rates[i], gradient.dtype) * gradient
    return weights, state


def sgd_step(
    loss_fn: LossFn,
    weights: Sequence[tf.Tensor],
    learning_rate: LearningRate,
    first_order: bool,
    adapts: Sequence[bool] | None = None,
) -> Weights:
    """One gradient step of a loss without state.

    Args:
        loss_fn: From weights to a scalar loss.
        weights: As in `sgd_step_with_state`.
        learning_rate: As in `sgd_step_with_state`.
        first_order: As in `sgd_step_with_state`.
        adapts: As in `sgd_step_with_state`.

    Returns:
        The new weights.

    Raises:
        ValueError: As in `sgd_step_with_state`.
    """
    weights, _ = sgd_step_with_state(
        _stateless(loss_fn), weights, (), learning_rate, first_order, adapts
    )
    return weights


def inner_sgd_with_state(
    loss_fn: StatefulLossFn,
    weights: Sequence[tf.Tensor],
    state: Any,
    steps: int,
    learning_rate: LearningRate,
    first_order: bool,
    adapts: Sequence[bool] | None = None,
) -> tuple[Weights, Any]:
    """Unrolled gradient steps that thread a state from step to step.

    For training: differentiable twice, and the graph grows with `steps`.

    Args:
        loss_fn: As in `sgd_step_with_state`.
        weights: As in `sgd_step_with_state`.
        state: As in `sgd_step_with_state`.
        steps: Number of steps, 0 or more.
        learning_rate: As in `sgd_step_with_state`.
        first_order: As in `sgd_step_with_state`.
        adapts: As in `sgd_step_with_state`.

    Returns:
        The adapted weights and the last state.

    Raises:
        ValueError: As in `sgd_step_with_state`, or if `steps` is negative.
    """
    _check_steps(steps)
    weights = list(weights)
    for _ in range(steps):
        weights, state = sgd_step_with_state(
            loss_fn, weights, state, learning_rate, first_order, adapts
        )
    return weights, state


def inner_sgd(
    loss_fn: LossFn,
    weights: Sequence[tf.Tensor],
    steps: int,
    learning_rate: LearningRate,
    first_order: bool,
    adapts: Sequence[bool] | None = None,
) -> Weights:
    """Unrolled gradient steps of a loss without state.

    For training: differentiable twice, and the graph grows with `steps`.

    Args:
        loss_fn: From weights to a scalar loss.
        weights: As in `sgd_step_with_state`.
        steps: Number of steps, 0 or more.
        learning_rate: As in `sgd_step_with_state`.
        first_order: As in `sgd_step_with_state`.
        adapts: As in `sgd_step_with_state`.

    Returns:
        The adapted weights.

    Raises:
        ValueError: As in `inner_sgd_with_state`.
    """
    weights, _ = inner_sgd_with_state(
        _stateless(loss_fn),
        weights,
        (),
        steps,
        learning_rate,
        first_order,
        adapts,
    )
    return weights


def inner_sgd_loop(
    loss_fn: LossFn,
    weights: Sequence[tf.Tensor],
    steps: int | tf.Tensor,
    learning_rate: LearningRate,
    adapts: Sequence[bool] | None = None,
    max_steps: int | None = None,
) -> Weights:
    """Gradient steps as a loop in the graph, for export and serving.

    The graph does not grow with `steps`. Every step counts as first order;
    use `inner_sgd` to train.

    Args:
        loss_fn: From weights to a scalar loss.
        weights: As in `sgd_step_with_state`.
        steps: Number of steps, 0 or more: a Python integer, or an int32
            scalar, which needs `max_steps`.
        learning_rate: As in `sgd_step_with_state`.
        adapts: As in `sgd_step_with_state`.
        max_steps: Static bound of the loop, the most that a tensor of
            `steps` may say; more are not taken.

    Returns:
        The adapted weights.

    Raises:
        ValueError: As in `inner_sgd_with_state`, or if `steps` is a tensor
            and `max_steps` None.
    """
    if isinstance(steps, int):
        _check_steps(steps)
        max_steps = steps
    elif max_steps is None:
        raise ValueError("max_steps: None, but steps is a tensor.")

    def body(step: tf.Tensor, weights: Weights) -> tuple[tf.Tensor, Weights]:
        new = sgd_step(loss_fn, weights, learning_rate, True, adapts)
        return step + 1, new

    _, adapted = tf.while_loop(
        lambda step, _: step < steps,
        own_graph(body),
        (tf.constant(0), list(weights)),
        parallel_iterations=1,
        maximum_iterations=max_steps,
    )
    return adapted


def _stateless(loss_fn: LossFn) -> StatefulLossFn:
    return lambda weights, state: (loss_fn(weights), state)


def _cast(rate: float | tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    if isinstance(rate, (int, float)):
        # `tf.cast` would take it through float32.
        return tf.constant(rate, dtype)
    return tf.cast(tf.convert_to_tensor(rate), dtype)


def _check_steps(steps: int) -> None:
    if steps < 0:
        raise ValueError(f"steps: got {steps}, expected 0 or more.")


def _one_for_each(
    learning_rate: LearningRate, weights: Weights
) -> list[float | tf.Tensor]:
    if not isinstance(learning_rate, (list, tuple)):
        return [learning_rate] * len(weights)
    if len(learning_rate) != len(weights):
        raise ValueError(
            f"learning_rate: got {len(learning_rate)} entries, expected one "
            f"for each of {len(weights)} weights."
        )
    return list(learning_rate)


def _indices(adapts: Sequence[bool] | None, weights: Weights) -> list[int]:
    if adapts is None:
        return list(range(len(weights)))
    if len(adapts) != len(weights):
        raise ValueError(
            f"adapts: got {len(adapts)} entries, expected one for each of "
            f"{len(weights)} weights."
        )
    chosen = [i for i, adapt in enumerate(adapts) if adapt]
    if not chosen:
        raise ValueError("adapts: no weight adapts; expected at least one.")
    return chosen
