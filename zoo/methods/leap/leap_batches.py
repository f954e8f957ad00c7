"""Mini-batches of a support set: by its order, or shuffled by a seed."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Rows = Callable[[tf.Tensor], tf.Tensor]


def batch_rows(
    mask: tf.Tensor,
    size: int,
    seed: tf.Tensor | None = None,
    spread: bool = False,
) -> Rows:
    """Which examples each step of a task takes.

    Step i takes the places i * size to (i + 1) * size - 1 among the real
    examples, counted round and round; all of them where they are no more
    than `size`. With a seed, each round has an order of its own. Padding
    never enters a batch, nor changes what others hold.

    Args:
        mask: bool [support], True where an example is real; one or more.
        size: examples of a mini-batch.
        seed: int32 [2], or None for the order of the support set.
        spread: without a seed, take every so many-th example, so that a
            support set laid out class by class gives batches of all.

    Returns:
        From the step's number (int32 scalar) to rows, int32 [batch].
    """
    count = tf.reduce_sum(tf.cast(mask, tf.int32))
    taken = tf.minimum(count, size)
    places = tf.range(size)
    in_order = None if seed is not None else _real_first(mask)
    if in_order is not None and spread:
        in_order = tf.gather(in_order, _strided(count, taken, tf.size(mask)))

    def rows(step: tf.Tensor) -> tf.Tensor:
        chosen = step * taken + tf.boolean_mask(places, places < taken)
        if in_order is not None:
            return tf.gather(in_order, chosen % count)
        return _shuffled(chosen, mask, count, seed)

    return rows


def _real_first(mask: tf.Tensor) -> tf.Tensor:
    place = tf.range(tf.shape(mask)[0])
    return tf.argsort(tf.where(mask, place, place + tf.shape(mask)[0]))


def _strided(
    count: tf.Tensor, taken: tf.Tensor, length: tf.Tensor
) -> tf.Tensor:
    """Places of the real examples, every so many-th first; padding last."""
    parts = -(-count // taken)
    place = tf.range(length)
    keys = tf.where(place < count, place % parts * length + place, length**2)
    return tf.argsort(keys)


def _shuffled(
    chosen: tf.Tensor, mask: tf.Tensor, count: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """A batch may end one round and begin the next, but no third."""
    first = chosen[0] // count

    def order(number: tf.Tensor) -> tf.Tensor:
        own = tf.random.experimental.stateless_fold_in(seed, number)
        keys = tf.random.stateless_uniform(tf.shape(mask), own, alg="philox")
        return tf.argsort(tf.where(mask, keys, 2.0))

    place = chosen % count
    return tf.where(
        chosen // count == first,
        tf.gather(order(first), place),
        tf.gather(order(first + 1), place),
    )
