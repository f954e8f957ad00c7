"""Losses of episodes against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.losses import class_mask_of, mask_logits, masked_cross_entropy


def cross_entropy(labels, logits):
    logits = logits - logits.max(-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(log_p, labels[..., None], -1)[..., 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_is_the_mean_of_real_examples(dtype):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 5, 3)).astype(dtype)
    labels = rng.integers(0, 3, (2, 5))
    mask = np.array([[1, 1, 0, 1, 0], [0, 0, 0, 0, 1]], bool)
    found = masked_cross_entropy(labels, logits, mask)
    losses = cross_entropy(labels, logits)
    expected = [losses[t][mask[t]].mean() for t in range(2)]
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_task_without_real_examples_costs_nothing():
    logits = tf.constant(np.ones((1, 2, 3)))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = masked_cross_entropy(
            tf.constant([[0, 1]]), logits, tf.constant([[False, False]])
        )
    assert loss.numpy().tolist() == [0.0]
    assert np.isfinite(tape.gradient(loss, logits)).all()


def test_label_out_of_range_contributes_nothing():
    logits = np.random.default_rng(1).normal(size=(1, 2, 3))
    found = masked_cross_entropy([[0, 7]], logits, [[True, True]])
    expected = cross_entropy(np.array([[0]]), logits[:, :1])[0, 0] / 2
    np.testing.assert_allclose(found, [expected])


def test_cross_entropy_is_right_when_differentiated_twice():
    point = tf.constant([[0.3, -0.4, 1.1]], tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(point)
        with tf.GradientTape() as inner:
            inner.watch(point)
            loss = masked_cross_entropy([1], point, [True])
        gradient = inner.gradient(loss, point)
    p = tf.nn.softmax(point).numpy()[0]
    np.testing.assert_allclose(gradient[0], p - [0, 1, 0])
    np.testing.assert_allclose(
        outer.jacobian(gradient, point)[0, :, 0], np.diag(p) - np.outer(p, p)
    )


def test_class_mask_marks_classes_with_real_support():
    found = class_mask_of(
        tf.constant([[0, 2, 1], [1, 1, 3]]),
        tf.constant([[True, True, False], [True, True, True]]),
        4,
    )
    assert found.numpy().tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]


def test_masked_logits_have_probability_zero_and_a_finite_gradient():
    logits = tf.constant([[[1.0, 50.0, 2.0]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        masked = mask_logits(logits, tf.constant([[1.0, 0.0, 1.0]]))
        p = tf.nn.softmax(masked)
    assert p.numpy()[0, 0, 1] == 0.0
    np.testing.assert_allclose(
        p.numpy()[0, 0, [0, 2]], tf.nn.softmax([1.0, 2.0]), rtol=1e-6
    )
    assert np.isfinite(tape.gradient(p, logits)).all()
