"""MAML: meta-gradients against differences and closed forms."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.layers import ExactBatchNormalization, to_exact


def smooth_net(norm, dtype="float64"):
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((6, 6, 2), dtype=dtype),
            keras.layers.Conv2D(3, 3, padding="same", dtype=dtype),
            norm(dtype=dtype),
            keras.layers.Activation("softplus", dtype=dtype),
            keras.layers.AveragePooling2D(2, dtype=dtype),
            keras.layers.Flatten(dtype=dtype),
        ]
    )


def smooth_maml(norm=ExactBatchNormalization, dtype="float64", **options):
    options = {"inner_steps": 2, "inner_learning_rate": 0.5, **options}
    learner = metazoo.MAML(
        smooth_net(norm, dtype),
        num_ways=3,
        value_range=None,
        dtype=dtype,
        **options,
    )
    rng = np.random.default_rng(5)
    for variable in learner.head_variables:
        variable.assign(0.3 * rng.normal(size=variable.shape))
    return learner


def directional_error(learner, task, step):
    """Relative error of the meta-gradient along a random direction."""
    _, _, gradients = tf.function(learner.compute_gradients)(task)
    variables = learner.trainable_variables
    values = [v.numpy() for v in variables]
    rng = np.random.default_rng(7)
    direction = [rng.normal(size=v.shape) for v in values]
    along = sum(
        float(np.sum(g.numpy() * d))
        for g, d in zip(gradients, direction, strict=True)
    )
    loss = tf.function(lambda: learner.meta_loss(task, 3)[0])

    def loss_at(size):
        moved = zip(variables, values, direction, strict=True)
        for variable, value, way in moved:
            variable.assign(value + size * way)
        return float(loss().numpy())

    difference = (loss_at(step) - loss_at(-step)) / (2 * step)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return abs(along - difference) / abs(difference)


@pytest.fixture(scope="module")
def image_task(new_episode, tensors):
    return tensors(new_episode(num_tasks=2, shape=(6, 6, 2)))


@pytest.mark.parametrize("normalization", ["transductive", "support", "moving"])
def test_second_order_equals_central_differences(image_task, normalization):
    learner = smooth_maml(normalization=normalization)
    assert directional_error(learner, image_task, 1e-5) < 1e-6


def test_float32_agrees_as_far_as_float32_permits(image_task):
    learner = smooth_maml(dtype="float32")
    assert directional_error(learner, image_task, 3e-3) < 1e-2


def test_first_order_differs_from_central_differences(image_task):
    learner = smooth_maml(first_order=True)
    assert directional_error(learner, image_task, 1e-5) > 1e-2


def test_stock_batch_normalization_gives_a_wrong_gradient(
    image_task, monkeypatch
):
    monkeypatch.setattr(
        "metazoo.learners.unrolled.require_exact", lambda model: None
    )
    learner = smooth_maml(keras.layers.BatchNormalization)
    assert directional_error(learner, image_task, 1e-5) > 1e-3


def test_stock_batch_normalization_is_refused_for_second_order():
    with pytest.raises(metazoo.SecondOrderError, match="to_exact"):
        smooth_maml(keras.layers.BatchNormalization)
    learner = smooth_maml(keras.layers.BatchNormalization, first_order=True)
    assert not learner.second_order


def softmax(logits):
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("steps", [1, 2])
def test_meta_gradient_of_a_bias_has_its_closed_form(
    identity, tensors, new_episode, steps, first_order
):
    rate = 0.7
    learner = metazoo.MAML(
        identity(2),
        num_ways=3,
        inner_steps=steps,
        inner_learning_rate=rate,
        first_order=first_order,
        value_range=None,
        dtype="float64",
    )
    bias = np.array([0.5, -0.2, 0.1])
    learner.head_variables[1].assign(bias)
    zeros = np.zeros((1, 6, 2), np.float32)
    task = new_episode(num_tasks=1)._replace(
        support_x=zeros,
        support_y=np.array([[0, 0, 0, 1, 1, 2]]),
        query_x=zeros,
        query_y=np.array([[2, 2, 2, 2, 1, 0]]),
    )
    support, query = np.array([3, 2, 1]) / 6, np.array([1, 1, 4]) / 6
    adapted, jacobian = bias, np.eye(3)
    for _ in range(steps):
        p = softmax(adapted)
        step = np.eye(3) - rate * (np.diag(p) - np.outer(p, p))
        jacobian = jacobian if first_order else jacobian @ step
        adapted = adapted - rate * (p - support)
    loss, _, gradients = learner.compute_gradients(tensors(task))
    expected = jacobian @ (softmax(adapted) - query)
    np.testing.assert_allclose(gradients[1], expected, rtol=1e-12)
    assert float(loss) == pytest.approx(-query @ np.log(softmax(adapted)))


def logistic_regression(x, y, ways, rate, steps):
    kernel, bias = np.zeros((x.shape[1], ways)), np.zeros(ways)
    for _ in range(steps):
        error = (softmax(x @ kernel + bias) - np.eye(ways)[y]) / len(y)
        kernel, bias = kernel - rate * x.T @ error, bias - rate * error.sum(0)
    return kernel, bias


@pytest.mark.parametrize("steps", [3, 12])
@pytest.mark.parametrize("head", ["columns", "shared"])
def test_adapting_the_head_alone_is_logistic_regression(
    new_backbone, new_episode, head, steps
):
    backbone = new_backbone()
    learner = metazoo.MAML(
        backbone,
        num_ways=3 if head == "columns" else None,
        head=head,
        adapt_backbone=False,
        predict_steps=steps,
        inner_learning_rate=0.3,
        value_range=None,
    )
    task = new_episode(num_tasks=1)
    x, y = task.support_x[0], task.support_y[0]
    adapted = learner.adapt(x, y)
    assert set(adapted.state) == {"weight_00", "weight_01", "class_mask"}
    kernel, bias = logistic_regression(backbone(x).numpy(), y, 3, 0.3, steps)
    np.testing.assert_allclose(adapted.state["weight_00"][0], kernel, atol=1e-5)
    np.testing.assert_allclose(adapted.state["weight_01"][0], bias, atol=1e-5)
    z = backbone(task.query_x[0]).numpy()
    np.testing.assert_allclose(
        adapted.predict(task.query_x[0]), softmax(z @ kernel + bias), atol=1e-5
    )


def test_head_alone_still_trains_the_backbone(
    new_backbone, new_episode, tensors
):
    learner = metazoo.MAML(
        new_backbone(), num_ways=3, adapt_backbone=False, value_range=None
    )
    _, _, gradients = learner.compute_gradients(tensors(new_episode()))
    assert len(gradients) == 6
    assert all(np.abs(g).max() > 0 for g in gradients)


def test_own_classifier_is_its_head(new_backbone, new_episode):
    backbone = new_backbone(features=3)
    learner = metazoo.MAML(backbone, head="none", value_range=None)
    assert learner.num_ways == 3
    assert learner.trainable_variables == backbone.trainable_variables
    task = new_episode(num_tasks=1)
    x, y = task.support_x[0], task.support_y[0]
    variables = backbone.trainable_variables
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, backbone(x))
        loss = tf.reduce_mean(losses)
    steps = tape.gradient(loss, [v.value for v in variables])
    state = learner.adapt(x, y).state
    for i, (variable, step) in enumerate(zip(variables, steps, strict=True)):
        np.testing.assert_allclose(
            state[f"weight_{i:02d}"][0], variable - 0.4 * step, atol=1e-6
        )


def test_shared_head_serves_any_ways(new_backbone, new_episode):
    learner = metazoo.MAML(new_backbone(), head="shared", value_range=None)
    for ways in (2, 4):
        task = new_episode(num_tasks=1, ways=ways)
        adapted = learner.adapt(task.support_x, task.support_y)
        assert adapted.predict(task.query_x).shape == (1, 2 * ways, ways)


def test_shared_column_gets_the_sum_over_columns(
    new_backbone, new_episode, tensors
):
    options = {"value_range": None, "inner_steps": 2}
    shared = metazoo.MAML(new_backbone(), head="shared", **options)
    columns = metazoo.MAML(new_backbone(), num_ways=3, **options)
    task = tensors(new_episode())
    _, _, expected = columns.compute_gradients(task)
    _, _, found = shared.compute_gradients(task)
    for i in (0, 1):
        np.testing.assert_allclose(
            found[i], np.sum(expected[i], -1, keepdims=True), atol=1e-6
        )
    np.testing.assert_allclose(found[2], expected[2], atol=1e-6)


def test_chunks_of_tasks_give_the_same_gradient(
    new_backbone, new_episode, tensors
):
    learner = metazoo.MAML(new_backbone(), num_ways=3, value_range=None)
    learner.head_variables[0].assign(np.full((5, 3), 0.1) * [1, 2, -3])
    task = tensors(new_episode(num_tasks=4))
    found = {}
    for chunk in (1, 2, 4, None):
        learner.compile(tasks_per_chunk=chunk)
        found[chunk] = tf.nest.flatten(learner.compute_gradients(task))
    for chunk in (1, 2, 4):
        for a, b in zip(found[chunk], found[None], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
    learner.compile(tasks_per_chunk=3)
    with pytest.raises(metazoo.MetazooError, match="tasks_per_chunk"):
        learner.compute_gradients(task)


def test_padded_queries_and_support_change_no_gradient(
    new_backbone, new_episode, tensors
):
    learner = metazoo.MAML(new_backbone(), num_ways=3, value_range=None)
    task = new_episode(num_tasks=2)
    pad = ((0, 0), (0, 2))
    padded = task._replace(
        support_x=np.pad(task.support_x, (*pad, (0, 0)), constant_values=9.0),
        support_y=np.pad(task.support_y, pad),
        support_mask=np.pad(task.support_mask, pad),
        query_x=np.pad(task.query_x, (*pad, (0, 0)), constant_values=9.0),
        query_y=np.pad(task.query_y, pad),
        query_mask=np.pad(task.query_mask, pad),
    )
    loss, _, gradients = learner.compute_gradients(tensors(task))
    same_loss, _, same = learner.compute_gradients(tensors(padded))
    assert float(loss) == pytest.approx(float(same_loss), rel=1e-6)
    for a, b in zip(gradients, same, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("steps", [{"inner_steps": 0}, {"predict_steps": -1}])
def test_steps_below_one_are_refused(new_backbone, steps):
    with pytest.raises(metazoo.MetazooError, match="steps"):
        metazoo.MAML(new_backbone(), num_ways=3, **steps)


def test_stock_application_takes_a_second_order_step(new_episode, tensors):
    keras.utils.set_random_seed(0)
    stock = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, weights=None, include_top=False, pooling="avg"
    )
    with pytest.raises(metazoo.SecondOrderError):
        metazoo.MAML(stock, num_ways=2)
    learner = metazoo.MAML(to_exact(stock), num_ways=2, value_range=None)
    task = new_episode(1, ways=2, shots=1, queries=1, shape=(32, 32, 3))
    learner.compile("sgd", run_eagerly=True)
    before = learner.get_weights()
    results = learner.train_step(tensors(task))
    assert np.isfinite(float(results["loss"]))
    moved = [
        np.abs(a - b).max()
        for a, b in zip(before, learner.get_weights(), strict=True)
    ]
    assert max(moved) > 0
    assert np.isfinite(moved).all()
