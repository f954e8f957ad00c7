"""Checks in a graph refuse with INVALID_ARGUMENT and name the tensor."""

from __future__ import annotations

import pytest
import tensorflow as tf

from metazoo.wire.guards import require, require_equal, require_filled

Refused = tf.errors.InvalidArgumentError


def in_session(check, feeds):
    """Runs a check as a server does: pruned to what the answer needs."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        given = {
            name: tf.compat.v1.placeholder(tf.float32, name=name)
            for name in feeds
        }
        with tf.control_dependencies([check(given)]):
            answer = tf.constant(1) + 0
        return session.run(
            answer, {given[name]: value for name, value in feeds.items()}
        )


@pytest.mark.parametrize("where", [tf.function, lambda f: f])
def test_require_says_what_is_wrong(where):
    @where
    def checked(x):
        with tf.control_dependencies([require(x[0] > 0, "x is low:", x)]):
            return tf.identity(x)

    assert checked(tf.constant([1])).numpy() == [1]
    with pytest.raises(Refused, match=r"x is low:.*-3"):
        checked(tf.constant([-3]))


def test_require_equal_names_what_differs():
    def check(given):
        sizes = [tf.shape(value)[0] for value in given.values()]
        return require_equal(sizes, list(given), "lengths differ:")

    assert in_session(check, {"a": [1.0], "b": [2.0]}) == 1
    with pytest.raises(Refused, match=r"differ:\] \[b\] \[1 2\]"):
        in_session(check, {"a": [1.0], "b": [2.0, 3.0]})


def test_require_filled_names_what_is_empty():
    assert in_session(require_filled, {"a": [[1.0]], "b": [2.0]}) == 1
    with pytest.raises(Refused, match="empty.*b"):
        in_session(require_filled, {"a": [[1.0]], "b": [[]]})
