"""Leap's path: its pull on the start, against NumPy and a tape."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.leap.leap_path import (
    NO_STEP,
    PathRule,
    Segment,
    increment,
    sgd,
    walk,
)

RATE = 0.3
CURVATURE = np.diag([3.0, 1.0, 0.2])
NOISE = np.random.default_rng(0).normal(size=(40, 3))


def noisy(weights, buffers, step):
    """A bowl whose slope differs from step to step, as of mini-batches."""
    a, b = weights
    x = tf.concat([a, b], 0)
    slope = tf.gather(tf.constant(NOISE), step)
    value = tf.tensordot(x, tf.linalg.matvec(tf.constant(CURVATURE), x), 1)
    return 0.5 * value + tf.tensordot(slope, x, 1), buffers


def smooth(weights, buffers, step):
    """The same without noise: a loss that every step agrees on."""
    x = tf.concat(weights, 0)
    value = tf.tensordot(x, tf.linalg.matvec(tf.constant(CURVATURE), x), 1)
    return 0.5 * value, buffers


def start():
    return [tf.constant([2.0, -1.0], tf.float64), tf.constant([4.0], "float64")]


def points(loss_fn, steps, update=None, slots=()):
    """Weights, losses and gradients of a path, one after another."""
    update = update or sgd(RATE)
    weights, found = start(), []
    for step in range(steps + 1):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss, _ = loss_fn(weights, (), tf.constant(step))
        gradients = tape.gradient(loss, weights)
        flat = [np.concatenate(v) for v in (weights, gradients)]
        found.append((flat[0], float(loss), flat[1]))
        weights, slots = update(weights, gradients, slots)
    return found


def pull_by_numpy(path, rule):
    """Sum of increments over the segments of a path, and their lengths."""
    total, lengths = 0.0, []
    for (w, f, g), (w2, f2, _) in zip(path, path[1:], strict=False):
        change = f2 - f
        if rule.stabilizer and change > 0:
            change = -change
        if not rule.loss:
            change = 0.0
        size = np.sqrt(np.sum((w2 - w) ** 2) + change**2)
        v = (w - w2) - change * g
        total = total + (v / size if rule.length else v)
        lengths.append(size)
    return total, lengths


RULES = [
    PathRule(length, loss, stabilizer, last)
    for length in (True, False)
    for loss in (True, False)
    for stabilizer in (True, False)
    for last in (True, False)
]


@pytest.mark.parametrize("rule", RULES)
def test_pull_equals_numpy(rule):
    end = walk(noisy, start(), (), 6, sgd(RATE), rule=rule)
    path = points(noisy, 6)
    expected, _ = pull_by_numpy(path if rule.include_last else path[:6], rule)
    np.testing.assert_allclose(np.concatenate(end.total), expected, atol=1e-12)
    np.testing.assert_allclose(np.concatenate(end.weights), path[6][0])


def heavy_ball(weights, gradients, slots):
    speed = [0.5 * s - 0.1 * g for s, g in zip(slots, gradients, strict=True)]
    return [w + s for w, s in zip(weights, speed, strict=True)], speed


@pytest.mark.parametrize("last", [False, True])
def test_energy_of_weights_alone_telescopes_for_any_optimiser(last):
    rule = PathRule(length=False, loss=False, include_last=last)
    still = [tf.zeros_like(w) for w in start()]
    end = walk(noisy, start(), (), 7, heavy_ball, slots=still, rule=rule)
    path = points(noisy, 7, heavy_ball, still)
    expected = path[0][0] - path[7 if last else 6][0]
    np.testing.assert_allclose(np.concatenate(end.total), expected, atol=1e-12)


@pytest.mark.parametrize("length", [True, False])
def test_increment_is_a_weighted_gradient_and_bounded(length):
    """With plain SGD: (rate + |change|) / size^(2 - p) times the gradient."""
    rule = PathRule(length=length)
    for (w, f, g), (w2, f2, _) in zip(
        points(noisy, 6)[:-1], points(noisy, 6)[1:], strict=True
    ):
        move = tf.constant(w2 - w)
        last = Segment(
            [move],
            [tf.constant(g)],
            tf.constant(f, tf.float64),
            tf.reduce_sum(move**2),
        )
        (found,), size = increment(last, tf.constant(f2 - f, tf.float64), rule)
        weight = RATE + abs(f2 - f)
        expected = weight * g / (size if length else 1.0)
        np.testing.assert_allclose(found, expected, atol=1e-13, rtol=1e-13)
        if length:
            bound = np.sqrt(1.0 + np.sum(g**2))
            assert np.linalg.norm(found) <= bound + 1e-12


@pytest.mark.parametrize("length", [True, False])
def test_pull_equals_a_tape_over_free_points(length):
    """Each point a leaf, forward points constant: p times the pull."""
    rule = PathRule(length=length, stabilizer=False)
    steps = 6
    end = walk(smooth, start(), (), steps, sgd(RATE), rule=rule)
    leaves = [tf.Variable(w) for w, _, _ in points(smooth, steps - 1)]
    power = 1 if length else 2
    with tf.GradientTape() as tape:
        total = tf.constant(0.0, tf.float64)
        for a, b in zip(leaves, leaves[1:], strict=False):
            fa, fb = (smooth([x], (), 0)[0] for x in (a, b))
            gap = tf.reduce_sum((tf.stop_gradient(b) - a) ** 2)
            gap += (tf.stop_gradient(fb) - fa) ** 2
            total += gap ** (power / 2)
    found = sum(g for g in tape.gradient(total, leaves[:-1]) if g is not None)
    np.testing.assert_allclose(
        power * np.concatenate(end.total), found, atol=1e-11
    )


def test_stabilizer_flips_segments_that_rise_and_no_others():
    losses = [f for _, f, _ in points(noisy, 6)]
    assert (np.diff(losses) > 0).any() and (np.diff(losses) < 0).any()
    segment = Segment(
        [tf.constant([0.5])], [tf.constant([2.0])], tf.constant(1.0), 0.25
    )
    on, off = PathRule(length=False), PathRule(length=False, stabilizer=False)
    for change in (-0.7, 0.7):
        (with_it,), _ = increment(segment, tf.constant(change), on)
        (without,), _ = increment(segment, tf.constant(change), off)
        flipped = -0.5 + 2 * 0.7
        np.testing.assert_allclose(with_it, [flipped])
        expected = flipped if change < 0 else -0.5 - 2 * 0.7
        np.testing.assert_allclose(without, [expected], rtol=1e-6)
    falling = PathRule(), PathRule(stabilizer=False)
    ends = [walk(smooth, start(), (), 6, sgd(0.1), rule=r) for r in falling]
    for a, b in zip(*(end.total for end in ends), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_gradient_pulls_nowhere():
    def flat(weights, buffers, step):
        return 0.0 * tf.reduce_sum(weights[0]), buffers

    end = walk(flat, start(), (), 5, sgd(RATE), rule=PathRule())
    np.testing.assert_array_equal(np.concatenate(end.total), np.zeros(3))
    assert end.length == 0


def test_floor_leaves_out_the_converged_tail():
    @tf.function
    def total(steps, floor):
        rule = PathRule(floor=floor)
        return walk(smooth, start(), (), steps, sgd(0.3), rule=rule).total

    def pull(steps, floor):
        return np.linalg.norm(np.concatenate(total(steps, floor)))

    assert pull(400, 0.0) > pull(200, 0.0) + 50
    assert pull(400, 1e-4) == pytest.approx(pull(300, 1e-4))


def test_curve_and_length_tell_of_the_path():
    path = points(noisy, 6)
    _, lengths = pull_by_numpy(path[:6], PathRule())
    end = walk(
        noisy,
        start(),
        (),
        tf.constant(6),
        sgd(RATE),
        max_steps=10,
        curve_size=8,
    )
    assert end.total == [] and end.last.moves == []
    np.testing.assert_allclose(end.length, np.sum(lengths))
    losses = [f for _, f, _ in path[:6]]
    np.testing.assert_allclose(end.curve[:6], losses, rtol=1e-6)
    np.testing.assert_array_equal(end.curve[6:], [NO_STEP, NO_STEP])


def test_weights_that_are_not_shared_count_nowhere():
    rule = PathRule()
    end = walk(noisy, start(), (), 5, sgd(RATE), rule=rule, num_shared=1)
    assert len(end.total) == 1 and len(end.weights) == 2
    expected = 0.0
    path = points(noisy, 5)
    for (w, f, g), (w2, f2, _) in zip(path[:4], path[1:5], strict=True):
        size = np.sqrt(np.sum((w2 - w)[:2] ** 2) + (f2 - f) ** 2)
        expected = expected + ((w - w2) + abs(f2 - f) * g)[:2] / size
    np.testing.assert_allclose(end.total[0], expected, atol=1e-12)


def test_graph_does_not_grow_with_the_steps():
    def nodes(steps):
        graph = tf.function(
            lambda: (
                walk(
                    noisy, start(), (), steps, sgd(RATE), rule=PathRule()
                ).total
            )
        ).get_concrete_function()
        inner = graph.graph.as_graph_def().library.function
        return sum(len(f.node_def) for f in inner)

    assert nodes(3) == nodes(300)
