"""ATAML's attention, classifier and inner loop, on tasks side by side.

Every adapted tensor has a leading tasks axis. Tasks do not see each other,
so the gradient of the sum of their losses is each task's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from metazoo import functional
from metazoo.losses import MASKED_LOGIT, mask_logits

# Scores without a softmax grow with the square of the states.
LARGEST_SCORE = 10.0

Weights = list[tf.Tensor]
LossFn = Callable[[Weights], tf.Tensor]


class Support(NamedTuple):
    """A support set as the inner loop sees it.

    Attributes:
        ids: int32 [tasks, support, words].
        targets: float [tasks, support, ways].
        real: float [tasks, support], 0 for padding.
        class_mask: float [tasks, ways].
        seed: of dropout, or None.
    """

    ids: tf.Tensor
    targets: tf.Tensor
    real: tf.Tensor
    class_mask: tf.Tensor
    seed: tf.Tensor | None = None


class Head(NamedTuple):
    """What turns states into logits.

    Attributes:
        vector: float [tasks, size], the attention; None for a mean.
        kernel: float [tasks, size, ways].
        bias: float [tasks, ways].
    """

    vector: tf.Tensor | None
    kernel: tf.Tensor
    bias: tf.Tensor


def attend(
    states: tf.Tensor,
    real: tf.Tensor,
    vector: tf.Tensor | None,
    attention: str,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pools the states of each text by the attention of its task.

    "softmax" is the feedforward attention of Raffel and Ellis (2015):
    shares of words sum to 1. "linear" weighs states by their scores and
    divides by the number of words (arXiv:1806.00852, equations 4 to 6).
    "mean" weighs all words alike.

    Args:
        states: float [tasks, texts, words, size], zero for padding.
        real: bool [tasks, texts, words].
        vector: float [tasks, size]; None for "mean".
        attention: "softmax", "linear" or "mean".

    Returns:
        Contexts [tasks, texts, size] and shares [tasks, texts, words], both
        zero for a text without words.
    """
    present = tf.cast(real, states.dtype)
    count = tf.maximum(tf.reduce_sum(present, -1, keepdims=True), 1.0)
    if vector is None:
        shares = present / count
    else:
        scores = tf.einsum("tslh,th->tsl", states, vector)
        if attention == "softmax":
            scores = tf.where(real, scores, MASKED_LOGIT)
            shares = tf.nn.softmax(scores) * present
        else:
            bounded = tf.clip_by_value(scores, -LARGEST_SCORE, LARGEST_SCORE)
            shares = bounded * present / count
    return tf.einsum("tsl,tslh->tsh", shares, states), shares


def classify(
    states: tf.Tensor,
    real: tf.Tensor,
    head: Head,
    class_mask: tf.Tensor,
    attention: str,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits of texts, and where the attention lies.

    Args:
        states: float [tasks, texts, words, size].
        real: bool [tasks, texts, words].
        head: the classifier of each task.
        class_mask: float [tasks, ways], 0 for absent classes.
        attention: as for `attend`.

    Returns:
        Logits [tasks, texts, ways] and shares [tasks, texts, words].
    """
    context, shares = attend(states, real, head.vector, attention)
    logits = tf.einsum("tsh,thn->tsn", context, head.kernel)
    logits += head.bias[:, None]
    return mask_logits(logits, class_mask), shares


def mean_over_texts(losses: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """Mean loss of the real texts of each task.

    Args:
        losses: float [tasks, texts].
        real: float [tasks, texts], 0 for padding.

    Returns:
        float [tasks]; 0 where there is none.
    """
    count = tf.maximum(tf.reduce_sum(real, -1), 1.0)
    return tf.reduce_sum(losses * real, -1) / count


def descend(
    loss: LossFn,
    weights: Weights,
    num_steps: Any,
    rate: Any,
) -> Weights:
    """Gradient steps in a loop of the graph, first order, for serving.

    Args:
        loss: from weights to the sum of the losses of tasks.
        weights: where to start, each with a leading tasks axis.
        num_steps: an integer, or int32 [tasks]: a task stays where it is
            after its own number of steps.
        rate: step size, a number or float [tasks].

    Returns:
        The adapted weights.
    """
    tasks = tf.shape(weights[0])[0]
    num_steps = tf.broadcast_to(tf.cast(num_steps, tf.int32), [tasks])
    rate = tf.cast(rate, weights[0].dtype)

    def body(step: tf.Tensor, weights: Weights) -> tuple[tf.Tensor, Weights]:
        moves = rate * tf.cast(step < num_steps, rate.dtype)
        rates = [_beside(moves, w.shape.rank) for w in weights]
        return step + 1, functional.sgd_step(loss, weights, rates, True)

    last = tf.reduce_max(num_steps)
    _, adapted = tf.while_loop(
        lambda step, _: step < last,
        body,
        (tf.constant(0), weights),
        parallel_iterations=1,
    )
    return adapted


def step_seeds(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Seeds of dropout in support and in queries, own to a replica.

    Args:
        seed: int [2], of the training step.
    """
    context = tf.distribute.get_replica_context()
    replica = 0 if context is None else context.replica_id_in_sync_group
    fold_in = tf.random.experimental.stateless_fold_in
    seed = fold_in(tf.cast(seed, tf.int32), replica)
    return fold_in(seed, 0), fold_in(seed, 1)


def over_tasks(value: tf.Tensor, num_tasks: Any) -> tf.Tensor:
    """A copy of a value for every task.

    Args:
        value: float [...].
        num_tasks: length of the tasks axis.

    Returns:
        float [tasks, ...].
    """
    return tf.tile(value[None], [num_tasks, *[1] * value.shape.rank])


def _beside(values: tf.Tensor, rank: int) -> tf.Tensor:
    """Reshapes [tasks] to [tasks, 1, ...]."""
    return tf.reshape(values, [-1, *[1] * (rank - 1)])
