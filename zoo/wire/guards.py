"""Checks inside a graph: what a server is sent is refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf


def require(condition: Any, message: str, *values: Any) -> tf.Operation:
    """Makes an operation that fails with INVALID_ARGUMENT.

    One operation, where `tf.debugging.assert_*` makes a branch with a dozen
    in it. A session drops a check that nothing depends on: what follows
    belongs under `tf.control_dependencies([check])`.

    Args:
        condition: bool scalar.
        message: what is wrong if it is False.
        *values: tensors that tell more, written after the message.

    Returns:
        The check.
    """
    return tf.raw_ops.Assert(
        condition=condition, data=[tf.constant(message), *values], summarize=8
    )


def require_equal(
    sizes: Sequence[Any], names: Sequence[str], message: str
) -> tf.Operation:
    """Refuses sizes that differ from the first; names those that do.

    Args:
        sizes: integer scalars.
        names: what each of them is the size of.
        message: what is wrong if they differ.

    Returns:
        The check.
    """
    stacked = tf.stack(list(sizes))
    differ = tf.not_equal(stacked, stacked[0])
    return require(
        ~tf.reduce_any(differ), message, _where(differ, names), stacked
    )


def require_filled(tensors: Mapping[str, tf.Tensor]) -> tf.Operation:
    """Refuses tensors without a single value; names them.

    Args:
        tensors: name to tensor.

    Returns:
        The check.
    """
    sizes = [tf.size(value, tf.int64) for value in tensors.values()]
    empty = tf.equal(tf.stack(sizes), 0)
    return require(
        ~tf.reduce_any(empty),
        "input tensors are empty:",
        _where(empty, list(tensors)),
    )


def _where(chosen: tf.Tensor, names: Sequence[str]) -> tf.Tensor:
    return tf.gather(tf.constant(list(names)), tf.where(chosen)[:, 0])
