"""Inner-loop gradient descent."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo import functional

TARGET = tf.constant([1.0, -2.0], tf.float64)
RATE = 0.1


def loss_fn(weights):
    a, b = weights
    return tf.reduce_sum(a**2 * b**2) + tf.reduce_sum((a - TARGET) ** 2)


@pytest.fixture
def weights():
    return [tf.constant([0.5, 1.5], tf.float64), tf.constant(0.7, tf.float64)]


def by_hand(weights, steps, rates=(RATE, RATE), adapts=(True, True)):
    a, b = (w.numpy() for w in weights)
    for _ in range(steps):
        grad_a = 2 * a * b**2 + 2 * (a - TARGET.numpy())
        grad_b = np.sum(2 * a**2 * b)
        a = a - rates[0] * grad_a * adapts[0]
        b = b - rates[1] * grad_b * adapts[1]
    return [a, b]


def assert_close(got, want):
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-12)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_unrolled_and_loop_equal_the_formula(weights, steps):
    want = by_hand(weights, steps)
    assert_close(
        functional.inner_sgd(loss_fn, weights, steps, RATE, False), want
    )
    assert_close(functional.inner_sgd_loop(loss_fn, weights, steps, RATE), want)
    loop = tf.function(
        lambda w: functional.inner_sgd_loop(loss_fn, w, steps, RATE)
    )
    assert_close(loop(weights), want)


def test_number_of_steps_may_be_a_tensor(weights):
    loop = tf.function(
        lambda w, steps: functional.inner_sgd_loop(
            loss_fn, w, steps, RATE, max_steps=3
        )
    )
    for steps in (0, 2, 3):
        assert_close(loop(weights, tf.constant(steps)), by_hand(weights, steps))
    assert_close(loop(weights, tf.constant(9)), by_hand(weights, 3))


def test_tensor_of_steps_needs_a_bound(weights):
    with pytest.raises(ValueError, match="max_steps"):
        functional.inner_sgd_loop(loss_fn, weights, tf.constant(2), RATE)


@pytest.mark.parametrize(
    "rate",
    [
        tf.constant(RATE),
        [RATE, tf.constant(RATE, tf.float64)],
        (tf.constant([RATE, RATE], tf.float64), RATE),
    ],
)
def test_learning_rate_may_be_tensor_or_list(weights, rate):
    got = functional.inner_sgd(loss_fn, weights, 2, rate, False)
    for g, w in zip(got, by_hand(weights, 2), strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-6)


def test_learning_rate_of_each_weight_is_its_own(weights):
    got = functional.inner_sgd(loss_fn, weights, 2, [0.1, 0.02], False)
    assert_close(got, by_hand(weights, 2, (0.1, 0.02)))


def test_weights_that_do_not_adapt_keep_outer_gradient(weights):
    adapts = [False, True]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        adapted = functional.inner_sgd(loss_fn, weights, 2, RATE, False, adapts)
        # Depends on weights[0] through the adapted weights[1] alone.
        loss = adapted[1] ** 2
    assert_close(adapted, by_hand(weights, 2, adapts=adapts))
    assert np.all(tape.gradient(loss, weights[0]).numpy() != 0.0)
    looped = functional.inner_sgd_loop(loss_fn, weights, 2, RATE, adapts)
    assert_close(looped, adapted)


def meta_gradient(weights, first_order):
    with tf.GradientTape() as tape:
        tape.watch(weights)
        adapted = functional.inner_sgd(loss_fn, weights, 3, RATE, first_order)
        loss = loss_fn(adapted)
    return tape.gradient(loss, weights), adapted


def test_second_order_equals_finite_difference(weights):
    gradient, _ = meta_gradient(weights, False)
    step = 1e-6
    values = []
    for sign in (1, -1):
        moved = [weights[0], weights[1] + sign * step]
        adapted = functional.inner_sgd(loss_fn, moved, 3, RATE, False)
        values.append(float(loss_fn(adapted)))
    difference = (values[0] - values[1]) / (2 * step)
    assert float(gradient[1]) == pytest.approx(difference, rel=1e-6)


def test_first_order_is_the_gradient_at_the_adapted_weights(weights):
    gradient, adapted = meta_gradient(weights, True)
    with tf.GradientTape() as tape:
        tape.watch(adapted)
        loss = loss_fn(adapted)
    assert_close(gradient, tape.gradient(loss, adapted))


def test_gradient_reaches_the_learning_rate(weights):
    rate = tf.constant(RATE, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(rate)
        loss = loss_fn(functional.sgd_step(loss_fn, weights, rate, False))
    step = 1e-6
    up, down = (
        loss_fn(functional.sgd_step(loss_fn, weights, rate + s, False))
        for s in (step, -step)
    )
    difference = float(up - down) / (2 * step)
    assert float(tape.gradient(loss, rate)) == pytest.approx(
        difference, rel=1e-6
    )


def test_state_is_threaded_through_the_steps(weights):
    def stateful(weights, state):
        return loss_fn(weights) * state["scale"], {
            "scale": state["scale"] * 0.5
        }

    state = {"scale": tf.constant(1.0, tf.float64)}
    adapted, state = functional.inner_sgd_with_state(
        stateful, weights, state, 2, RATE, False
    )
    assert float(state["scale"]) == 0.25
    once = by_hand(weights, 1)
    assert_close(
        adapted,
        by_hand([tf.constant(w) for w in once], 1, (RATE / 2, RATE / 2)),
    )


def test_weight_the_loss_ignores_keeps_its_value(weights):
    got = functional.sgd_step(
        lambda w: tf.reduce_sum(w[0] ** 2), weights, RATE, False
    )
    assert got[1] is weights[1]


def test_sparse_gradient_is_applied():
    table = tf.ones([4, 2])
    (got,) = functional.sgd_step(
        lambda w: tf.reduce_sum(tf.gather(w[0], [1, 1])), [table], 0.5, False
    )
    np.testing.assert_allclose(got, [[1, 1], [0, 0], [1, 1], [1, 1]])


def graph_size(steps):
    spec = [tf.TensorSpec([2], tf.float64), tf.TensorSpec([], tf.float64)]
    concrete = tf.function(
        lambda a, b: functional.inner_sgd_loop(loss_fn, [a, b], steps, RATE)
    ).get_concrete_function(*spec)
    graph = concrete.graph.as_graph_def()
    return len(graph.node) + sum(
        len(f.node_def) for f in graph.library.function
    )


def test_loop_graph_does_not_grow_with_steps():
    assert graph_size(2) == graph_size(50)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"steps": -1}, "steps"),
        ({"learning_rate": [0.1]}, "learning_rate"),
        ({"adapts": [True]}, "adapts"),
        ({"adapts": [False, False]}, "adapts"),
    ],
)
def test_bad_argument_is_refused_by_name(weights, options, match):
    arguments = {
        "loss_fn": loss_fn,
        "weights": weights,
        "steps": 1,
        "learning_rate": RATE,
        **options,
    }
    with pytest.raises(ValueError, match=match):
        functional.inner_sgd_loop(**arguments)
    with pytest.raises(ValueError, match=match):
        functional.inner_sgd(**arguments, first_order=False)
