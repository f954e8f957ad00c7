"""Faulty input on the wire: it spoils its own task, and no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import tensorflow as tf


def any_not_finite(x: tf.Tensor) -> tf.Tensor:
    """Finds the tasks that hold NaN or infinite values.

    Args:
        x: tensor [tasks, ...]; only floats can be at fault.

    Returns:
        bool [tasks].
    """
    if not x.dtype.is_floating:
        return tf.zeros(tf.shape(x)[:1], tf.bool)
    finite = tf.math.is_finite(x)
    return ~tf.reduce_all(finite, axis=tf.range(1, tf.rank(x)))


def tasks_not_finite(tensors: Iterable[tf.Tensor]) -> tf.Tensor:
    """Finds the tasks that hold such values in any of several tensors.

    Args:
        tensors: one or more tensors [tasks, ...].

    Returns:
        bool [tasks].
    """
    return tf.reduce_any(tf.stack([any_not_finite(x) for x in tensors]), 0)


def spoil(value: tf.Tensor, wrong: tf.Tensor) -> tf.Tensor:
    """Makes the floats of wrong tasks NaN.

    An error in the graph would fail the tasks that a server batches with
    this one, and a plausible answer would hide the fault.

    Args:
        value: tensor [tasks, ...].
        wrong: bool [tasks].

    Returns:
        `value` with NaN in the wrong tasks; integers stay as they are.
    """
    if not value.dtype.is_floating:
        return value
    shape = tf.concat([[-1], tf.ones([tf.rank(value) - 1], tf.int32)], 0)
    nan = tf.constant(float("nan"), value.dtype)
    return tf.where(tf.reshape(wrong, shape), nan, value)


def spoil_all(
    values: Mapping[str, tf.Tensor], wrong: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Applies `spoil` to every tensor of a dict.

    Args:
        values: name to tensor [tasks, ...].
        wrong: bool [tasks].

    Returns:
        The same names.
    """
    return {name: spoil(value, wrong) for name, value in values.items()}
