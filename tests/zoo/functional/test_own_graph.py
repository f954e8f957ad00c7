"""Tests of functions that keep a graph of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.functional import own_graph


def _as_it_is(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn


def _halved(times: int, wrap: Callable[..., Any]) -> Any:
    def body(step: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.square(x)) / 4.0
        return step + 1, x - tape.gradient(loss, x)

    def loop(x: tf.Tensor) -> tf.Tensor:
        start = (tf.constant(0), x)
        return tf.while_loop(lambda i, _: i < times, wrap(body), start)[1]

    spec = tf.TensorSpec([2])
    return tf.function(loop, input_signature=[spec]).get_concrete_function()


def test_own_graph_gives_the_same_values() -> None:
    x = tf.constant([8.0, -4.0])
    np.testing.assert_array_equal(_halved(3, own_graph)(x), [1.0, -0.5])
    np.testing.assert_array_equal(_halved(3, _as_it_is)(x), [1.0, -0.5])


def test_own_graph_is_not_merged_into_the_loop() -> None:
    def kept(wrap: Callable[..., Any]) -> int:
        library = _halved(3, wrap).graph.as_graph_def().library.function
        return sum(one.attr["_noinline"].b for one in library)

    assert kept(own_graph) == 1
    assert kept(_as_it_is) == 0
