"""ProtoNet against a NumPy loop and cases worked out by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import metazoo


def reference(z_support, labels, mask, z_query, ways):
    """Equations 1 and 2 of the paper, one number at a time."""
    prototypes = np.zeros((ways, z_support.shape[-1]))
    logits = np.full((len(z_query), ways), -1e9)
    for way in range(ways):
        members = [
            z
            for z, label, real in zip(z_support, labels, mask, strict=True)
            if real and label == way
        ]
        if not members:
            continue
        prototypes[way] = np.mean(members, 0)
        for row, z in enumerate(z_query):
            logits[row, way] = -np.sum((z - prototypes[way]) ** 2)
    return prototypes, logits


def softmax(logits):
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


@pytest.fixture(scope="module")
def learner(new_backbone):
    return metazoo.ProtoNet(new_backbone(), value_range=None)


@pytest.fixture(scope="module")
def plane(identity):
    return metazoo.ProtoNet(identity(2), value_range=None)


def test_prototypes_and_logits_equal_a_numpy_loop(learner, new_episode):
    task = new_episode(num_tasks=2, shots=3)
    mask = task.support_mask.copy()
    mask[0, 1] = mask[1, 3] = mask[1, 4] = False
    adapted = learner.adapt(task.support_x, task.support_y, mask)
    outputs = learner.predict_state(task.query_x, adapted.state)
    for t in range(2):
        prototypes, logits = reference(
            learner.backbone(task.support_x[t]).numpy(),
            task.support_y[t],
            mask[t],
            learner.backbone(task.query_x[t]).numpy(),
            3,
        )
        np.testing.assert_allclose(
            adapted.state["prototypes"][t], prototypes, atol=1e-5
        )
        np.testing.assert_allclose(
            outputs["logits"][t], logits, rtol=1e-4, atol=1e-4
        )
        np.testing.assert_allclose(
            outputs["probabilities"][t], softmax(logits), atol=1e-5
        )


def test_unequal_shots_in_the_plane_match_hand_computation(plane):
    support = [[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]]
    adapted = plane.adapt(support, [0, 0, 1])
    np.testing.assert_allclose(
        adapted.state["prototypes"], [[[1.0, 0.0], [0.0, 3.0]]]
    )
    outputs = plane.predict_state([[1.0, 1.0], [0.0, 2.0]], adapted.state)
    np.testing.assert_allclose(
        outputs["logits"], [[[-1.0, -5.0], [-5.0, -1.0]]], atol=1e-6
    )
    odds = 1 / (1 + np.exp(-4))
    np.testing.assert_allclose(
        adapted.predict([[1.0, 1.0]]), [[odds, 1 - odds]], atol=1e-6
    )
    assert adapted.predict_classes([[1.0, 1.0], [0.0, 2.0]]).tolist() == [0, 1]


def test_class_without_support_has_probability_zero(plane):
    adapted = plane.adapt([[0.0, 0.0], [1.0, 1.0]], [0, 2], num_ways=4)
    assert adapted.state["class_mask"].tolist() == [[1, 0, 1, 0]]
    found = adapted.predict([[0.2, 0.2]])
    assert (found[:, [1, 3]] == 0).all()
    assert found.sum() == pytest.approx(1.0)


def test_distances_equal_the_linear_form_of_equation_8(learner, new_episode):
    task = new_episode(num_tasks=1)
    adapted = learner.adapt(task.support_x[0], task.support_y[0])
    c = adapted.state["prototypes"][0]
    z = learner.backbone(task.query_x[0]).numpy()
    linear = 2 * z @ c.T - np.sum(c**2, -1)
    np.testing.assert_allclose(
        adapted.predict(task.query_x[0]), softmax(linear), atol=1e-5
    )


def test_one_way_task_is_certain(plane):
    adapted = plane.adapt([[0.0, 1.0], [2.0, 3.0]], [0, 0])
    np.testing.assert_array_equal(adapted.predict([[9.0, 9.0]]), [[1.0]])


def test_meta_loss_averages_real_queries_only(plane, new_episode, tensors):
    task = new_episode(num_tasks=2, shape=(2,))
    mask = task.query_mask.copy()
    mask[0, :4] = False
    query_x = np.where(mask[..., None], task.query_x, 77.0)
    loss, logits = plane.meta_loss(
        tensors(task._replace(query_mask=mask, query_x=query_x)), 3
    )
    expected = []
    for t in range(2):
        _, scores = reference(
            task.support_x[t],
            task.support_y[t],
            task.support_mask[t],
            task.query_x[t],
            3,
        )
        picked = softmax(scores)[np.arange(6), task.query_y[t]]
        expected.append(np.mean(-np.log(picked)[mask[t]]))
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)
    assert logits.shape == (2, 6, 3)


def test_meta_gradient_equals_central_differences(
    learner, new_episode, tensors
):
    task = tensors(new_episode(num_tasks=2))
    _, _, gradients = learner.compute_gradients(task)
    kernel = learner.trainable_variables[0]
    value = kernel.numpy()
    direction = np.random.default_rng(0).normal(size=value.shape)
    along = np.sum(gradients[0] * direction)

    def loss_at(step):
        kernel.assign(value + step * direction)
        return float(learner.meta_loss(task, 3)[0])

    difference = (loss_at(1e-2) - loss_at(-1e-2)) / 2e-2
    kernel.assign(value)
    assert along == pytest.approx(difference, rel=5e-3)


def test_training_normalises_support_and_queries_together(new_episode, tensors):
    backbone = keras.Sequential(
        [keras.Input((4,)), keras.layers.BatchNormalization()]
    )
    learner = metazoo.ProtoNet(backbone, value_range=None)
    task = new_episode(num_tasks=1)
    _, logits = learner.meta_loss(tensors(task), 3)
    both = np.concatenate([task.support_x, task.query_x], 1)[0]
    z = (both - both.mean(0)) / np.sqrt(both.var(0) + 1e-3)
    _, expected = reference(
        z[:6], task.support_y[0], task.support_mask[0], z[6:], 3
    )
    np.testing.assert_allclose(logits[0], expected, atol=1e-3)
