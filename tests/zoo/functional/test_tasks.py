"""Sums over the task axis."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.functional import accumulate_over_tasks

NUM_TASKS = 6


def make_tensors():
    rng = np.random.default_rng(0)
    return {
        "x": tf.constant(rng.normal(size=(NUM_TASKS, 3, 2))),
        "y": (tf.constant(rng.normal(size=(NUM_TASKS, 3))), None),
    }


def make_fn(weights):
    def fn(task, index):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            y_hat = tf.linalg.matvec(task["x"], weights[0]) + weights[1]
            y_hat = tf.tanh(y_hat) * tf.cast(index + 1, tf.float64)
            loss = tf.reduce_sum((y_hat - task["y"][0]) ** 2)
        return (loss, tape.gradient(loss, weights)), {"logits": y_hat}

    return fn


@pytest.fixture
def weights():
    return [tf.constant([0.3, -0.2], tf.float64), tf.constant(0.1, tf.float64)]


def python_loop(fn, tensors):
    results = []
    for i in range(NUM_TASKS):
        task = {"x": tensors["x"][i], "y": (tensors["y"][0][i], None)}
        results.append(fn(task, tf.constant(i)))
    sums = tf.nest.map_structure(lambda *v: sum(v), *[r[0] for r in results])
    logits = np.stack([r[1]["logits"] for r in results])
    return sums, logits


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("tasks_per_chunk", [1, 3])
def test_loop_equals_python_loop(weights, tasks_per_chunk, graph):
    tensors, fn = make_tensors(), make_fn(weights)
    like = (tf.TensorSpec([], tf.float64), weights)
    collect = {"logits": tf.TensorSpec([3], tf.float64)}

    def run(tensors):
        return accumulate_over_tasks(
            fn, tensors, like, collect, tasks_per_chunk
        )

    if graph:
        sums, collected = tf.function(run)(tensors)
    else:
        sums, collected = run(tensors)
    expected, logits = python_loop(fn, tensors)
    for got, want in zip(
        tf.nest.flatten(sums), tf.nest.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-12)
    np.testing.assert_allclose(collected["logits"], logits, rtol=1e-12)


def test_without_collect_returns_sums_alone(weights):
    fn = make_fn(weights)
    like = (tf.constant(0.0, tf.float64), weights)
    sums = accumulate_over_tasks(
        lambda task, index: fn(task, index)[0], make_tensors(), like
    )
    tf.nest.assert_same_structure(sums, like)
    expected, _ = python_loop(fn, make_tensors())
    np.testing.assert_allclose(sums[0], expected[0], rtol=1e-12)


def test_unknown_number_of_tasks_is_summed():
    spec = tf.TensorSpec([None, 2], tf.float32)

    @tf.function(input_signature=[spec])
    def run(x):
        return accumulate_over_tasks(lambda row, _: row, x, tf.zeros([2]))

    np.testing.assert_allclose(run(tf.ones([5, 2])), [5.0, 5.0])
    np.testing.assert_allclose(run(tf.ones([0, 2])), [0.0, 0.0])


def test_arrays_are_summed_in_a_graph():
    rows = np.arange(6.0, dtype="float32").reshape(3, 2)
    run = tf.function(
        lambda: accumulate_over_tasks(lambda row, _: row, rows, tf.zeros([2]))
    )
    np.testing.assert_allclose(run(), [6.0, 9.0])


def graph_size(num_tasks):
    @tf.function
    def run(x):
        return accumulate_over_tasks(
            lambda row, _: tf.tanh(row) * 2.0, x, tf.zeros([2])
        )

    concrete = run.get_concrete_function(
        tf.TensorSpec([num_tasks, 2], tf.float32)
    )
    graph = concrete.graph.as_graph_def()
    return len(graph.node) + sum(
        len(f.node_def) for f in graph.library.function
    )


def test_graph_does_not_grow_with_tasks():
    assert graph_size(2) == graph_size(32)


@pytest.mark.parametrize("tasks_per_chunk", [0, 4])
def test_chunk_that_does_not_divide_is_refused(tasks_per_chunk):
    with pytest.raises(ValueError, match="tasks_per_chunk"):
        accumulate_over_tasks(
            lambda row, _: row,
            tf.ones([NUM_TASKS, 2]),
            tf.zeros([2]),
            tasks_per_chunk=tasks_per_chunk,
        )


def test_unequal_task_axes_are_refused():
    with pytest.raises(ValueError, match="lengths"):
        accumulate_over_tasks(
            lambda row, _: row[0], (tf.ones([2]), tf.ones([3])), tf.zeros([])
        )


def test_missing_gradient_is_refused():
    with pytest.raises(ValueError, match="unconnected_gradients"):
        accumulate_over_tasks(lambda row, _: [None], tf.ones([2]), [0.0])
