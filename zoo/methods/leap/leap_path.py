"""A task's path over its loss surface, and what it says of its start.

A step of any optimiser is a segment from (weights, loss) to (weights, loss).
Flennerhag et al. 2019 (arXiv:1812.01054, section 2.3) pull the start along
the segments: forward points count as constants, and the Jacobian of a point
in the start as the identity. Nothing here knows what the loss is of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from metazoo.functional import own_graph

# What `loss_curve` holds behind a task's own steps.
NO_STEP = -1.0

Weights = list[tf.Tensor]
# From weights, buffers and the step's number to a loss and new buffers.
LossFn = Callable[[Weights, Any, tf.Tensor], tuple[tf.Tensor, Any]]
# From weights, gradients and slots to new weights and slots.
UpdateFn = Callable[[Weights, Weights, Any], tuple[Weights, Any]]


@dataclass(frozen=True)
class PathRule:
    """Which distance along the path is made smaller.

    Attributes:
        length: sum of segments' lengths; False sums their squares (energy).
        loss: segments span weights and loss; False, weights alone.
        stabilizer: where the loss rose, the segment counts as if it fell by
            as much, so that gradients are followed downhill only.
        include_last: the last step's segment counts too, at the price of
            one more forward pass.
        floor: segments shorter than this share of the longest so far count
            nothing.
    """

    length: bool = True
    loss: bool = True
    stabilizer: bool = True
    include_last: bool = False
    floor: float = 0.0


class Segment(NamedTuple):
    """What the last step left behind for the next loss to complete.

    Attributes:
        moves: difference of each weight that counts; empty without a rule.
        gradients: at the segment's start, likewise.
        loss: at the segment's start.
        squared: squared norm of all moves together.
    """

    moves: Weights
    gradients: Weights
    loss: tf.Tensor
    squared: tf.Tensor


class Walk(NamedTuple):
    """Where a path is, and what was summed along it.

    Attributes:
        step: steps done.
        weights: after them.
        buffers: what the loss carries from step to step.
        slots: what the optimiser carries.
        last: the last segment, open until the next loss is known.
        total: sum of the increments; empty without a rule.
        length: sum of the closed segments' lengths, weights and loss.
        longest: the longest of them.
        curve: loss of each step, or [0] where none is recorded.
    """

    step: tf.Tensor
    weights: Weights
    buffers: Any
    slots: Any
    last: Segment
    total: Weights
    length: tf.Tensor
    longest: tf.Tensor
    curve: tf.Tensor


def increment(
    last: Segment, change: tf.Tensor, rule: PathRule
) -> tuple[Weights, tf.Tensor]:
    """What a segment adds to the pseudo gradient of the start.

    Equation 8 of the paper without its factor p, as in the authors' code:
    -(change of loss * gradient + move), divided by the segment's length
    where lengths are summed.

    Args:
        last: the segment.
        change: of the loss along it.
        rule: which distance.

    Returns:
        One tensor per move, and the segment's length under the rule.
    """
    if rule.stabilizer:
        change = -tf.abs(change)
    if not rule.loss:
        change = tf.zeros_like(change)
    size = tf.sqrt(last.squared + tf.square(change))
    scale = tf.ones_like(size)
    if rule.length:
        # A converged task has segments of no length and no direction.
        scale = tf.math.divide_no_nan(scale, size)
    found = [
        tf.cast(scale, move.dtype)
        * (-move - tf.cast(change, move.dtype) * gradient)
        for move, gradient in zip(last.moves, last.gradients, strict=True)
    ]
    return found, size


def sgd(rate: Any) -> UpdateFn:
    """Plain gradient descent.

    Args:
        rate: step size, a number or a scalar tensor.
    """

    def update(
        weights: Weights, gradients: Weights, slots: Any
    ) -> tuple[Weights, Any]:
        new = [
            w - rate_for(rate, w.dtype) * g
            for w, g in zip(weights, gradients, strict=True)
        ]
        return new, slots

    return update


def rate_for(rate: Any, dtype: tf.DType) -> tf.Tensor:
    """A step size in the dtype of a weight; a number keeps all its digits.

    Args:
        rate: a number or a scalar tensor.
        dtype: of the weight.
    """
    if tf.is_tensor(rate):
        return tf.cast(rate, dtype)
    return tf.constant(rate, dtype)


def walk(
    loss_fn: LossFn,
    weights: Sequence[tf.Tensor],
    buffers: Any,
    steps: Any,
    update: UpdateFn,
    *,
    slots: Any = (),
    rule: PathRule | None = None,
    num_shared: int | None = None,
    max_steps: int | None = None,
    curve_size: Any = None,
) -> Walk:
    """Takes the steps of a task in one loop; first order throughout.

    Neither memory nor graph grows with the number of steps: every step has
    a tape of its own, and increments are summed as they come.

    Args:
        loss_fn: the task's loss at a step, on that step's mini-batch.
        weights: where the path starts.
        buffers: structure of tensors that the loss carries along.
        steps: how many, a number or a scalar tensor.
        update: the optimiser.
        slots: structure of tensors that the optimiser carries along.
        rule: sums increments by this rule; None sums none.
        num_shared: the first so many weights count in the path; None for
            all.
        max_steps: static bound where `steps` is a tensor.
        curve_size: records losses in a curve of this size; None for none.

    Returns:
        The end of the path.
    """
    weights = list(weights)
    shared = len(weights) if num_shared is None else num_shared
    start = _start(weights, buffers, slots, rule, shared, curve_size)

    def body(at: Walk) -> tuple[Walk]:
        return (_step(at, loss_fn, update, rule, shared, curve_size),)

    (end,) = tf.while_loop(
        lambda at: at.step < steps,
        own_graph(body),
        (start,),
        parallel_iterations=1,
        maximum_iterations=steps if max_steps is None else max_steps,
    )
    if rule is None or not rule.include_last:
        return end
    loss, _ = loss_fn(end.weights, end.buffers, end.step)
    return _closed(end, loss, rule)


def _start(
    weights: Weights,
    buffers: Any,
    slots: Any,
    rule: PathRule | None,
    shared: int,
    curve_size: Any,
) -> Walk:
    dtype = weights[0].dtype
    zero = tf.zeros([], dtype if dtype == tf.float64 else tf.float32)
    none = [] if rule is None else [tf.zeros_like(w) for w in weights[:shared]]
    size = 0 if curve_size is None else curve_size
    return Walk(
        step=tf.constant(0),
        weights=weights,
        buffers=buffers,
        slots=slots,
        last=Segment(none, none, zero, zero),
        total=none,
        length=zero,
        longest=zero,
        curve=tf.fill([size], tf.constant(NO_STEP)),
    )


def _step(
    at: Walk,
    loss_fn: LossFn,
    update: UpdateFn,
    rule: PathRule | None,
    shared: int,
    curve_size: Any,
) -> Walk:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(at.weights)
        loss, buffers = loss_fn(at.weights, at.buffers, at.step)
    gradients = tape.gradient(loss, at.weights, unconnected_gradients="zero")
    at = _closed(at, loss, rule)
    new, slots = update(at.weights, gradients, at.slots)
    moves = [
        b - a for a, b in zip(at.weights[:shared], new[:shared], strict=True)
    ]
    squared = tf.add_n([_sum_of_squares(m, at.length.dtype) for m in moves])
    if rule is None:
        moves, gradients = [], []
    curve = at.curve
    if curve_size is not None:
        value = tf.cast(loss, curve.dtype)[None]
        curve = tf.tensor_scatter_nd_update(curve, [[at.step]], value)
    return at._replace(
        step=at.step + 1,
        weights=new,
        buffers=buffers,
        slots=slots,
        last=Segment(
            moves, gradients[:shared], tf.cast(loss, at.length.dtype), squared
        ),
        curve=curve,
    )


def _closed(at: Walk, loss: tf.Tensor, rule: PathRule | None) -> Walk:
    """Adds the last segment, whose end has this loss; at step 0 there is none.

    There all that was left behind is zero, and so is what it adds.
    """
    loss = tf.cast(loss, at.length.dtype)
    change = tf.where(at.step > 0, loss - at.last.loss, 0.0)
    full = tf.sqrt(at.last.squared + tf.square(change))
    at = at._replace(length=at.length + full)
    if rule is None:
        return at
    found, size = increment(at.last, change, rule)
    longest = tf.maximum(at.longest, size)
    if rule.floor:
        counts = size >= rule.floor * longest
        found = [tf.where(counts, one, tf.zeros_like(one)) for one in found]
    total = [a + b for a, b in zip(at.total, found, strict=True)]
    return at._replace(total=total, longest=longest)


def _sum_of_squares(x: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    return tf.reduce_sum(tf.square(tf.cast(x, dtype)))
