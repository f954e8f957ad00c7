"""A one-layer perceptron on frozen vectors, many tasks at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from metazoo.methods.cactus.experiments.cactus_tasks import Task

HIDDEN = 128
DROPOUT = 0.5
EPOCHS = 500
EVERY = 10
_RATE = 1e-3
_BETAS = (0.9, 0.999)
_EPSILON = 1e-7


def mlp_accuracy(tasks: Sequence[Task], seed: int) -> np.ndarray:
    """Accuracy of each task, at the best of the epochs looked at.

    The epoch is chosen on the queries themselves, as in the code of Hsu et
    al.: generous to this comparison.

    Args:
        tasks: of equal sizes.
        seed: of weights and dropped units.

    Returns:
        float64 [tasks].
    """
    parts = [tf.constant(np.stack(part)) for part in zip(*tasks, strict=True)]
    support_z, support_y, query_z, query_y = parts
    ways = int(tf.reduce_max(support_y)) + 1
    best = _train(support_z, support_y, query_z, query_y, ways, seed)
    return best.numpy().astype(np.float64)


@tf.function
def _train(
    support_z: tf.Tensor,
    support_y: tf.Tensor,
    query_z: tf.Tensor,
    query_y: tf.Tensor,
    ways: int,
    seed: int,
) -> tf.Tensor:
    weights = _initial(tf.shape(support_z)[0], support_z.shape[-1], ways, seed)
    slots = [tf.zeros_like(w) for w in weights]
    best = tf.zeros(tf.shape(query_y)[:1])

    def body(
        step: tf.Tensor,
        best: tf.Tensor,
        values: list[tf.Tensor],
        first: list[tf.Tensor],
        second: list[tf.Tensor],
    ) -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            tape.watch(values)
            logits = _scores(values, support_z, tf.stack([seed, step]))
            loss = tf.reduce_sum(
                tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(
                        support_y, logits
                    ),
                    -1,
                )
            )
        gradients = tape.gradient(loss, values)
        values, first, second = _adam(values, gradients, first, second, step)
        if_due = tf.equal(step % EVERY, EVERY - 1)
        right = tf.cond(
            if_due,
            lambda: _accuracy(values, query_z, query_y),
            lambda: tf.zeros_like(best),
        )
        return step + 1, tf.maximum(best, right), values, first, second

    _, best, *_ = tf.while_loop(
        lambda step, *_: step < EPOCHS,
        body,
        (tf.constant(0), best, weights, slots, slots),
        parallel_iterations=1,
    )
    return best


def _initial(
    tasks: tf.Tensor, size: int, ways: int, seed: int
) -> list[tf.Tensor]:
    values = []
    for number, (rows, columns) in enumerate([(size, HIDDEN), (HIDDEN, ways)]):
        limit = (6.0 / (rows + columns)) ** 0.5
        kernel = tf.random.stateless_uniform(
            [tasks, rows, columns], [seed, -1 - number], -limit, limit
        )
        values += [kernel, tf.zeros([tasks, 1, columns])]
    return values


def _scores(
    values: list[tf.Tensor], z: tf.Tensor, seed: tf.Tensor | None = None
) -> tf.Tensor:
    hidden = tf.nn.relu(z @ values[0] + values[1])
    if seed is not None:
        hidden = tf.nn.experimental.stateless_dropout(
            hidden, DROPOUT, seed=seed
        )
    return hidden @ values[2] + values[3]


def _accuracy(
    values: list[tf.Tensor], query_z: tf.Tensor, query_y: tf.Tensor
) -> tf.Tensor:
    right = tf.equal(tf.argmax(_scores(values, query_z), -1), query_y)
    return tf.reduce_mean(tf.cast(right, tf.float32), -1)


def _adam(
    values: list[tf.Tensor],
    gradients: list[tf.Tensor],
    first: list[tf.Tensor],
    second: list[tf.Tensor],
    step: tf.Tensor,
) -> tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]:
    """One step of Adam for every task by itself (its mean loss)."""
    one, two = _BETAS
    count = tf.cast(step + 1, tf.float32)
    scale = tf.sqrt(1.0 - two**count) / (1.0 - one**count)
    first = [
        one * m + (1.0 - one) * g for m, g in zip(first, gradients, strict=True)
    ]
    second = [
        two * v + (1.0 - two) * tf.square(g)
        for v, g in zip(second, gradients, strict=True)
    ]
    values = [
        w - _RATE * scale * m / (tf.sqrt(v) + _EPSILON)
        for w, m, v in zip(values, first, second, strict=True)
    ]
    return values, first, second
