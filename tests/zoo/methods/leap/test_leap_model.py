"""Leap's learner: the meta-gradient, adaptation, heads and statistics."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.layers import ExactBatchNormalization
from metazoo.methods.leap.leap_control import FirstOrderControl
from metazoo.methods.leap.leap_model import Leap
from metazoo.methods.leap.leap_network import leap_network

OPTIONS = {
    "inner_steps": 5,
    "inner_batch_size": 4,
    "inner_learning_rate": 0.2,
    "value_range": None,
}


def normalized(size=4, features=5, seed=1):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((size,)),
            keras.layers.Dense(features),
            ExactBatchNormalization(momentum=0.9),
            keras.layers.Activation("softplus"),
        ]
    )


@pytest.fixture(scope="module")
def learner():
    return Leap(normalized(), num_ways=3, **OPTIONS)


@pytest.fixture(scope="module")
def task(new_episode):
    return new_episode(num_tasks=2)


def by_variables(learner, task, t, steps):
    """The same training on a copy's own variables: weights, losses, slopes."""
    copy = type(learner).from_config(learner.get_config())
    copy.set_weights(learner.get_weights())
    variables = copy.trainable_variables
    points = []
    for step in range(steps):
        rows = (step * 4 + np.arange(4)) % len(task.support_y[t])
        with tf.GradientTape() as tape:
            z = copy.backbone(task.support_x[t][rows], training=True)
            kernel, bias = copy.head_variables
            logits = tf.matmul(z, kernel) + bias
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    task.support_y[t][rows], logits
                )
            )
        slopes = tape.gradient(loss, [v.value for v in variables])
        weights = [v.numpy() for v in variables]
        points.append((weights, float(loss), [s.numpy() for s in slopes]))
        for variable, slope in zip(variables, slopes, strict=True):
            variable.assign_sub(0.2 * slope)
    return copy, points


def pull(points):
    """Length form with loss and stabiliser, in NumPy."""
    total = 0.0
    for (w, f, g), (w2, f2, _) in zip(points, points[1:], strict=False):
        flat = [
            np.concatenate([part.ravel() for part in parts])
            for parts in (w, w2, g)
        ]
        move, slope = flat[1] - flat[0], flat[2]
        size = np.sqrt(np.sum(move**2) + (f2 - f) ** 2)
        total = total + (-move + abs(f2 - f) * slope) / size
    return total


def flat(tensors):
    return np.concatenate([np.ravel(t) for t in tensors])


def test_pseudo_gradient_equals_training_on_variables(learner, task, tensors):
    _, _, found = learner.compute_gradients(tensors(task))
    expected = [pull(by_variables(learner, task, t, 5)[1]) for t in range(2)]
    np.testing.assert_allclose(flat(found), np.mean(expected, 0), atol=1e-4)


def test_adapt_equals_training_on_variables(learner, task):
    adapted, report = learner.adapt_steps(
        task.support_x, task.support_y, inner_steps=7
    )
    for t in range(2):
        copy, points = by_variables(learner, task, t, 7)
        np.testing.assert_allclose(
            report["loss_curve"][t], [f for _, f, _ in points], atol=1e-5
        )
        norm = copy.backbone.layers[1]
        left = 0.9**7
        for moving, first in ((norm.moving_mean, 0), (norm.moving_variance, 1)):
            moving.assign((moving - left * first) / (1 - left))
        z = copy.backbone(task.query_x[t], training=False)
        kernel, bias = copy.head_variables
        expected = tf.nn.softmax(tf.matmul(z, kernel) + bias)
        np.testing.assert_allclose(
            adapted.predict(task.query_x)[t], expected, atol=1e-5
        )
        gaps = [
            np.sqrt(np.sum((flat(b[0]) - flat(a[0])) ** 2) + (b[1] - a[1]) ** 2)
            for a, b in zip(points, points[1:], strict=False)
        ]
        np.testing.assert_allclose(
            report["path_length"][t], np.sum(gaps), rtol=1e-4
        )


def test_energy_of_weights_is_reptile(task, tensors):
    learner = Leap(
        normalized(),
        num_ways=3,
        distance="energy",
        loss_in_path=False,
        include_last=True,
        **OPTIONS,
    )
    _, _, found = learner.compute_gradients(tensors(task))
    state = learner.adapt_steps(task.support_x, task.support_y)[0].state
    names = {
        v.path: f"weight_{i:02d}" for i, v in enumerate(learner.fast_variables)
    }
    for variable, pulled in zip(
        learner.trainable_variables, found, strict=True
    ):
        end = state[names[variable.path]].mean(0)
        np.testing.assert_allclose(pulled, variable - end, atol=1e-6)


def test_first_order_control_takes_the_last_gradient(task, tensors):
    learner = FirstOrderControl(normalized(), num_ways=3, **OPTIONS)
    loss, _, found = learner.compute_gradients(tensors(task))
    expected = [
        flat(by_variables(learner, task, t, 5)[1][-1][2]) for t in range(2)
    ]
    np.testing.assert_allclose(flat(found), np.mean(expected, 0), atol=1e-5)
    adapted, _ = learner.adapt_steps(task.support_x, task.support_y)
    logits = learner.logits_from_state(tf.constant(task.query_x), adapted.state)
    np.testing.assert_allclose(
        loss, learner.query_loss(tensors(task), logits), atol=1e-5
    )


def test_no_steps_return_the_start(learner, task):
    state = learner.adapt_steps(task.support_x, task.support_y, inner_steps=0)[
        0
    ].state
    for i, variable in enumerate(learner.fast_variables):
        for t in range(2):
            np.testing.assert_array_equal(state[f"weight_{i:02d}"][t], variable)
    np.testing.assert_array_equal(state["moment_00"], np.zeros((2, 5)))
    np.testing.assert_array_equal(state["moment_01"], np.ones((2, 5)))


def test_equal_tasks_pull_as_one_and_training_writes_no_statistics(
    learner, task, tensors
):
    before = [v.numpy() for v in learner.variables]
    one = tensors(task.map(lambda part: part[:1]))
    two = tensors(task.map(lambda part: part[[0, 0]]))
    _, _, alone = learner.compute_gradients(one)
    _, _, twice = learner.compute_gradients(two)
    np.testing.assert_allclose(flat(alone), flat(twice), atol=1e-6)
    for variable, value in zip(learner.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_outer_rate_of_zero_keeps_every_bit(task, tensors):
    learner = Leap(normalized(), num_ways=3, **OPTIONS)
    learner.compile(optimizer=keras.optimizers.SGD(0.0))
    before = learner.get_weights()
    learner.train_step(tensors(task))
    for a, b in zip(learner.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_order_matters_unless_a_batch_is_the_whole(learner, task):
    order = np.random.default_rng(1).permutation(6)
    x, y = task.support_x[0], task.support_y[0]
    whole = Leap(normalized(), num_ways=3, **{**OPTIONS, "inner_batch_size": 6})
    for one, matters in ((learner, True), (whole, False)):
        a = one.adapt(x, y).predict(task.query_x[0])
        b = one.adapt(x[order], y[order]).predict(task.query_x[0])
        assert (np.abs(a - b).max() > 1e-3) == matters


def test_shuffled_batches_follow_each_tasks_seed(learner, task):
    x, y = task.support_x, task.support_y

    def curve(seed, x=x, y=y):
        return learner.adapt_steps(x, y, seed=seed)[1]["loss_curve"]

    both = curve([[1, 2], [3, 4]])
    np.testing.assert_allclose(both[1:], curve([[3, 4]], x[1:], y[1:]))
    np.testing.assert_array_equal(both, curve([[1, 2], [3, 4]]))
    assert np.abs(both - curve([[1, 3], [3, 5]])).max() > 1e-4


@pytest.mark.parametrize("head", ["zero", "shared"])
def test_heads_of_any_ways_learn(task, tensors, head):
    learner = Leap(normalized(), head=head, **OPTIONS)
    wide = np.where(task.support_y == 2, 3, task.support_y)
    assert learner.adapt(task.support_x, wide).predict(task.query_x).shape == (
        2,
        6,
        4,
    )
    state = learner.adapt(task.support_x, task.support_y).state
    assert set(state) == set(learner.state_spec())
    assert not learner.fixed_ways
    _, _, found = learner.compute_gradients(tensors(task))
    extra = 0 if head == "zero" else 2
    assert len(found) == len(learner.backbone.trainable_variables) + extra
    assert np.abs(flat(found)).max() > 0


def test_a_zero_head_is_no_part_of_the_path(task, tensors):
    """One step later: the first sees no slope behind a head of zeros."""
    learner = Leap(
        normalized(),
        head="zero",
        distance="energy",
        loss_in_path=False,
        include_last=True,
        **OPTIONS,
    )
    _, _, found = learner.compute_gradients(tensors(task))
    state = learner.adapt_steps(task.support_x, task.support_y)[0].state
    for i, variable in enumerate(learner.trainable_variables):
        end = state[f"weight_{i:02d}"].mean(0)
        np.testing.assert_allclose(found[i], variable - end, atol=1e-6)


def test_size_of_the_training_graph_does_not_depend_on_the_steps(task, tensors):
    def nodes(steps):
        learner = Leap(
            normalized(), num_ways=3, **{**OPTIONS, "inner_steps": steps}
        )
        episode = tensors(task)
        traced = tf.function(lambda: learner.compute_gradients(episode))
        graph = traced.get_concrete_function().graph.as_graph_def()
        return sum(len(f.node_def) for f in graph.library.function)

    assert nodes(2) == nodes(50)


def test_paper_network_has_its_number_of_parameters():
    learner = Leap(leap_network(rescaling=(-1 / 255, 1.0)), num_ways=20)
    count = sum(int(np.prod(v.shape)) for v in learner.trainable_variables)
    assert count == 113_236
    kernel = learner.fast_variables[4].numpy()
    assert np.abs(kernel).max() == pytest.approx(576**-0.5, rel=0.01)


@pytest.mark.parametrize("order", ["pool_first", "norm_first"])
def test_network_orders_its_layers(order):
    names = [layer.name for layer in leap_network(order=order).layers]
    pool, norm = names.index("block1_pool"), names.index("block1_norm")
    assert (pool < norm) == (order == "pool_first")


@pytest.mark.parametrize(
    "options",
    [
        {"inner_steps": 0},
        {"inner_batch_size": 0},
        {"distance": "far"},
        {"inner_learning_rate": float("nan")},
        {"floor": -1.0},
        {"floor": 1.0},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(metazoo.MetazooError, match=next(iter(options))):
        Leap(normalized(), num_ways=3, **options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inner_steps", -1),
        ("inner_steps", 1001),
        ("inner_steps", 1.5),
        ("inner_learning_rate", 0.0),
        ("inner_learning_rate", float("nan")),
        ("seed", [1, 2, 3]),
    ],
)
def test_bad_arguments_are_refused(learner, task, name, value):
    with pytest.raises(metazoo.EpisodeError, match=name):
        learner.adapt_steps(
            task.support_x[0], task.support_y[0], **{name: value}
        )
