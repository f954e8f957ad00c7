"""Statistics of a support set: read, carried and used."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo import functional
from metazoo.errors import MetazooError
from metazoo.layers import ExactBatchNormalization, conv4
from metazoo.learners.support_moments import (
    batch_moments,
    moving_slots,
    with_moments,
)


def one_layer(**options) -> keras.Model:
    norm = ExactBatchNormalization(**options)
    model = keras.Sequential([keras.Input((6, 6, 3)), norm])
    rng = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(rng.uniform(0.5, 2.0, variable.shape))
    return model


@pytest.fixture
def images() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.normal(3.0, 2.0, (7, 6, 6, 3)).astype(np.float32)


@pytest.mark.parametrize("momentum", [0.99, 0.5])
def test_moments_equal_those_of_the_batch(images, momentum):
    model = one_layer(momentum=momentum)
    before = [v.numpy() for v in model.variables]
    weights, _ = functional.weights_of(model)
    mean, variance = batch_moments(model, weights, tf.constant(images))
    np.testing.assert_allclose(mean, images.mean((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(variance, images.var((0, 1, 2)), rtol=1e-4)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_carried_moments_repeat_the_training_output(images):
    model = conv4((28, 28, 1), filters=4)
    x = tf.random.stateless_uniform([6, 28, 28, 1], [1, 2])
    weights, others = functional.weights_of(model)
    expected, _ = functional.call(model, weights, others, x, training=True)
    carried = with_moments(model, batch_moments(model, weights, x))
    found, _ = functional.call(model, weights, carried, x, training=False)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_frozen_layers_keep_their_statistics():
    model = conv4((28, 28, 1), filters=4)
    assert len(moving_slots(model)) == 8
    model.get_layer("block1_norm").trainable = False
    assert len(moving_slots(model)) == 6


def test_momentum_of_one_is_refused():
    with pytest.raises(MetazooError, match="momentum"):
        moving_slots(one_layer(momentum=1.0))


def test_queries_are_scored_with_the_supports_statistics(new_episode):
    task = new_episode(num_tasks=1, shape=(28, 28, 1))
    keras.utils.set_random_seed(0)
    learner = metazoo.Reptile(
        conv4((28, 28, 1), filters=4), num_ways=3, value_range=None
    )
    adapted = learner.adapt(task.support_x[0], task.support_y[0])
    count = len(learner.fast_variables)
    weights = [
        tf.constant(adapted.state[f"weight_{i:02d}"][0]) for i in range(count)
    ]
    backbone = learner.backbone
    moments = batch_moments(backbone, weights[:-2], task.support_x[0])
    for i, moment in enumerate(moments):
        np.testing.assert_allclose(
            adapted.state[f"moment_{i:02d}"][0], moment, rtol=1e-4, atol=1e-5
        )
    features, _ = functional.call(
        backbone,
        weights[:-2],
        with_moments(backbone, moments),
        task.query_x[0],
        training=False,
    )
    expected = tf.nn.softmax(features @ weights[-2] + weights[-1])
    np.testing.assert_allclose(
        adapted.predict(task.query_x[0]), expected, atol=1e-4
    )
