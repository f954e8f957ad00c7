"""Faulty tasks are found and spoiled one by one."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from metazoo.wire.faults import (
    any_not_finite,
    spoil,
    spoil_all,
    tasks_not_finite,
)

NAN, INF = float("nan"), float("inf")


def test_only_floats_can_be_at_fault():
    x = tf.constant([[1.0, NAN], [0.0, 2.0], [INF, 0.0]])
    assert any_not_finite(x).numpy().tolist() == [True, False, True]
    assert any_not_finite(tf.constant([NAN, 1.0])).numpy().tolist() == [1, 0]
    for other in (tf.constant([[7], [8]]), tf.constant([[True], [False]])):
        assert not any_not_finite(other).numpy().any()


def test_fault_in_any_tensor_marks_its_task():
    found = tasks_not_finite(
        [tf.constant([0, 1, 2]), tf.constant([[1.0], [NAN], [1.0]])]
    )
    assert found.numpy().tolist() == [False, True, False]


def test_spoiling_leaves_other_tasks_and_integers():
    wrong = tf.constant([True, False])
    values = {"floats": tf.ones([2, 3, 2]), "classes": tf.ones([2], tf.int64)}
    found = spoil_all(values, wrong)
    assert np.isnan(found["floats"][0]).all()
    np.testing.assert_array_equal(found["floats"][1], np.ones((3, 2)))
    np.testing.assert_array_equal(found["classes"], [1, 1])
    assert spoil(tf.ones([2], tf.float64), wrong).dtype == tf.float64
