"""Reptile: pseudo-gradients against plain loops and joint training."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import metazoo


def softmax(logits):
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def moved_by_numpy(task, kernel, bias, rate, steps, parts):
    """(w0 - wk) / rate of softmax regression on strided mini-batches."""
    w, b = kernel.copy(), bias.copy()
    for step in range(steps):
        x = task.support_x[step % parts :: parts]
        y = task.support_y[step % parts :: parts]
        error = (softmax(x @ w + b) - np.eye(len(b))[y]) / len(y)
        w, b = w - rate * x.T @ error, b - rate * error.sum(0)
    return (kernel - w) / rate, (bias - b) / rate


def test_pseudo_gradient_equals_a_numpy_loop(identity, new_episode, tensors):
    learner = metazoo.Reptile(
        identity(4),
        num_ways=3,
        inner_steps=5,
        inner_batch_size=3,
        inner_learning_rate=0.2,
        value_range=None,
    )
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(4, 3)), rng.normal(size=3)
    learner.set_weights([kernel, bias])
    task = new_episode(num_tasks=2, shots=3)
    _, _, found = learner.chunk_gradients(tensors(task), 3)
    expected = [
        moved_by_numpy(
            task.map(lambda part, t=t: part[t]), kernel, bias, 0.2, 5, 3
        )
        for t in range(2)
    ]
    for i in range(2):
        np.testing.assert_allclose(
            found[i], np.mean([e[i] for e in expected], 0), atol=1e-5
        )


def eager_displacement(learner, task, t, steps):
    """Full-batch steps on the model's own variables, then put back."""
    variables = learner.trainable_variables
    start = [v.numpy() for v in variables]
    for _ in range(steps):
        with tf.GradientTape() as tape:
            z = learner.backbone(task.support_x[t])
            kernel, bias = learner.head_variables
            logits = tf.matmul(z, kernel) + bias
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    task.support_y[t], logits
                )
            )
        steps_ = tape.gradient(loss, [v.value for v in variables])
        for variable, step in zip(variables, steps_, strict=True):
            variable.assign_sub(learner.inner_learning_rate * step)
    end = [v.numpy() for v in variables]
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    return [
        (a - b) / learner.inner_learning_rate
        for a, b in zip(start, end, strict=True)
    ]


@pytest.mark.parametrize("steps", [1, 3])
def test_pseudo_gradient_equals_steps_on_variables(
    new_backbone, new_episode, tensors, steps
):
    learner = metazoo.Reptile(
        new_backbone(),
        num_ways=3,
        inner_steps=steps,
        inner_batch_size=6,
        value_range=None,
    )
    task = new_episode(num_tasks=2)
    _, _, found = learner.compute_gradients(tensors(task))
    expected = [eager_displacement(learner, task, t, steps) for t in range(2)]
    for i, gradient in enumerate(found):
        np.testing.assert_allclose(
            gradient, np.mean([e[i] for e in expected], 0), atol=1e-5
        )


def test_one_full_batch_step_is_joint_training(
    new_backbone, new_episode, tensors
):
    learner = metazoo.Reptile(
        new_backbone(),
        num_ways=3,
        inner_steps=1,
        inner_batch_size=6,
        inner_learning_rate=0.25,
        value_range=None,
    )
    learner.head_variables[0].assign(np.full((5, 3), 0.1) * [1, 2, -3])
    task = new_episode(num_tasks=3)
    _, _, found = learner.compute_gradients(tensors(task))
    variables = [v.value for v in learner.trainable_variables]
    with tf.GradientTape() as tape:
        joint = [
            learner.task_loss(
                learner.initial_weights(3),
                task.support_x[t],
                task.support_y[t],
                tf.ones([3]),
            )
            for t in range(3)
        ]
        loss = tf.reduce_mean(joint)
    for a, b in zip(found, tape.gradient(loss, variables), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_shared_column_gets_the_sum_over_columns(
    new_backbone, new_episode, tensors
):
    options = {"inner_steps": 3, "inner_batch_size": 3, "value_range": None}
    shared = metazoo.Reptile(new_backbone(), head="shared", **options)
    columns = metazoo.Reptile(new_backbone(), num_ways=3, **options)
    task = tensors(new_episode())
    _, _, expected = columns.compute_gradients(task)
    _, _, found = shared.compute_gradients(task)
    for i in (0, 1):
        np.testing.assert_allclose(
            found[i], np.sum(expected[i], -1, keepdims=True), atol=1e-5
        )
    np.testing.assert_allclose(found[2], expected[2], atol=1e-6)


def test_adapt_takes_full_batch_steps(identity, new_episode):
    learner = metazoo.Reptile(
        identity(4),
        num_ways=3,
        inner_batch_size=3,
        inner_learning_rate=0.2,
        predict_steps=4,
        normalization="moving",
        value_range=None,
    )
    task = new_episode(num_tasks=1)
    state = learner.adapt(task.support_x[0], task.support_y[0]).state
    first = task.map(lambda part: part[0])
    kernel, bias = moved_by_numpy(
        first, np.zeros((4, 3)), np.zeros(3), 0.2, 4, 1
    )
    np.testing.assert_allclose(state["weight_00"][0], -0.2 * kernel, atol=1e-6)
    np.testing.assert_allclose(state["weight_01"][0], -0.2 * bias, atol=1e-6)
    assert "support_x" not in state


@pytest.mark.parametrize(
    "options", [{"inner_steps": 0}, {"inner_batch_size": 0}]
)
def test_counts_below_one_are_refused(new_backbone, options):
    with pytest.raises(metazoo.MetazooError, match="1 or more"):
        metazoo.Reptile(new_backbone(), num_ways=3, **options)
