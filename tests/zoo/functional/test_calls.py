"""Calls with given weights, and seeds for each task."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo import functional
from metazoo.layers import ExactBatchNormalization


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8),
            ExactBatchNormalization(),
            keras.layers.Dropout(0.5, seed=3),
            keras.layers.Dense(16),
            keras.layers.Dropout(0.5, seed=4),
        ]
    )


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def test_weights_of_gives_values_in_order(model):
    trainable, others = functional.weights_of(model)
    for got, want in zip(
        trainable + others,
        model.trainable_variables + model.non_trainable_variables,
        strict=True,
    ):
        assert tf.is_tensor(got)
        np.testing.assert_array_equal(got, want)


def test_weights_of_unbuilt_model_are_refused():
    with pytest.raises(ValueError, match="model"):
        functional.weights_of(keras.Sequential([keras.layers.Dense(2)]))


def test_call_uses_given_weights_and_leaves_the_model_alone(model, x):
    trainable, others = functional.weights_of(model)
    before = [v.numpy() for v in model.variables]
    want = model(x, training=False)
    doubled = [*trainable[:-2], 2 * trainable[-2], 2 * trainable[-1]]
    got, state = functional.call(model, doubled, others, x, False)
    np.testing.assert_allclose(got, 2 * want, rtol=1e-5)
    functional.call(model, doubled, others, x, True)
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    for old, new in zip(others, state, strict=True):
        np.testing.assert_array_equal(old, new)


def test_call_in_training_returns_moved_state(model, x):
    trainable, others = functional.weights_of(model)
    _, state = functional.call(model, trainable, others, x, True)
    model(x, training=True)
    for new, variable in zip(state, model.non_trainable_variables, strict=True):
        np.testing.assert_allclose(new, variable, rtol=1e-6)


def masks(model, x, others):
    trainable, _ = functional.weights_of(model)
    outputs, state = functional.call(model, trainable, others, x, True)
    return (outputs.numpy() == 0).ravel(), state


def test_same_seed_state_repeats_the_mask(model, x):
    _, others = functional.weights_of(model)
    first, state = masks(model, x, others)
    again, _ = masks(model, x, others)
    after, _ = masks(model, x, state)
    np.testing.assert_array_equal(first, again)
    assert (first != after).any()


def test_tasks_and_steps_all_draw_their_own_masks(model, x):
    _, others = functional.weights_of(model)
    drawn = []
    for task in range(4):
        state = functional.fold_task(model, others, task)
        for _ in range(3):
            mask, state = masks(model, x, state)
            drawn.append(mask.tobytes())
    assert len(set(drawn)) == 12


def test_fold_is_reproducible_and_touches_seeds_alone(model):
    _, others = functional.weights_of(model)
    graph = tf.function(lambda i: functional.fold_task(model, others, i))
    eager = functional.fold_task(model, others, 2)
    changed = 0
    for old, new, again in zip(
        others, eager, graph(tf.constant(2)), strict=True
    ):
        np.testing.assert_array_equal(new, again)
        assert new.dtype == old.dtype
        assert new.shape == old.shape
        changed += int((old.numpy() != new.numpy()).any())
    assert changed == 2


def test_fold_of_wrong_list_is_refused(model):
    with pytest.raises(ValueError, match="non_trainable"):
        functional.fold_task(model, [], 0)


def test_advanced_seeds_give_other_masks(model, x):
    _, others = functional.weights_of(model)
    first, _ = masks(model, x, functional.fold_task(model, others, 0))
    functional.advance_seeds(model)
    _, moved = functional.weights_of(model)
    later, _ = masks(model, x, functional.fold_task(model, moved, 0))
    assert (first != later).any()
    np.testing.assert_array_equal(others[0], moved[0])


def test_call_in_mixed_precision_keeps_float32_weights(x):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, dtype="mixed_bfloat16"),
            ExactBatchNormalization(dtype="mixed_bfloat16"),
        ]
    )
    trainable, others = functional.weights_of(model)
    assert {w.dtype for w in trainable + others} == {tf.float32}
    got, state = functional.call(model, trainable, others, x, True)
    assert got.dtype == tf.bfloat16
    assert {s.dtype for s in state} == {tf.float32}
