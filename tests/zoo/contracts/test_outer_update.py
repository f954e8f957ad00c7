"""Outer updates: clipping in two stages, and steps that are left out."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.contracts.outer_update import all_finite, apply_meta_gradients
from metazoo.data import EpisodeSampler, load_subspace
from metazoo.layers import features


def step(gradient, clipnorm=None, **options):
    """The change of two zeros by gradient descent with step size one."""
    variable = keras.Variable(np.zeros(2, np.float32))
    optimizer = keras.optimizers.SGD(1.0, clipnorm=clipnorm)
    optimizer.build([variable])
    applied = apply_meta_gradients(
        optimizer, [tf.constant(gradient)], [variable], **options
    )
    return -variable.numpy(), bool(applied), int(optimizer.iterations)


def test_elements_are_clipped_before_norms():
    moved, _, _ = step([3.0, 0.1], clipnorm=0.1, clip_elements=0.1)
    np.testing.assert_allclose(moved, [0.1 / 2**0.5] * 2, rtol=1e-5)
    norm_alone, _, _ = step([3.0, 0.1], clipnorm=0.1)
    assert norm_alone[1] < 0.01


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_gradient_leaves_everything_as_it_is(bad):
    moved, applied, steps = step([1.0, bad], skip_bad=True, clip_elements=0.1)
    assert (moved == 0).all()
    assert not applied
    assert steps == 0


def test_good_gradient_is_applied_where_bad_ones_are_skipped():
    moved, applied, steps = step([1.0, 2.0], skip_bad=True)
    np.testing.assert_allclose(moved, [1.0, 2.0])
    assert applied
    assert steps == 1


def test_all_finite_looks_at_every_gradient():
    good = tf.constant([1.0, -2.0])
    assert all_finite([good, good])
    assert not all_finite([good, tf.constant([[np.nan]])])


@pytest.fixture
def learner():
    keras.utils.set_random_seed(0)
    learner = metazoo.LEO(features(64), latent_size=4)
    learner.compile(keras.optimizers.Adam(1e-3))
    return learner


@pytest.fixture(scope="module")
def episode():
    data = load_subspace("train", num_classes=8)
    sampler = EpisodeSampler(data, num_ways=3, num_shots=1, num_queries=2)
    return sampler.tasks(0, 2)


def spoiled(episode):
    x = episode.support_x.numpy()
    x[0, 0, 0] = np.nan
    return episode._replace(support_x=tf.constant(x))


def test_fit_counts_skipped_steps_and_keeps_the_loss_finite(learner, episode):
    before = learner.get_weights()
    first = learner.train_step(spoiled(episode))
    assert first["skipped_steps"] == 1
    for a, b in zip(before, learner.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    second = learner.train_step(episode)
    assert second["skipped_steps"] == 1
    assert np.isfinite(second["loss"])
    assert np.abs(learner.get_weights()[0] - before[0]).max() > 0


def test_skipping_survives_saving(learner, tmp_path):
    learner.save(tmp_path / "leo.keras")
    copy = keras.models.load_model(tmp_path / "leo.keras")
    names = [metric.name for metric in copy.metrics]
    assert "skipped_steps" in names


def test_other_methods_count_nothing_unless_asked(episode):
    learner = metazoo.ProtoNet(features(64), value_range=None)
    learner.compile("sgd")
    assert "skipped_steps" not in [m.name for m in learner.metrics]
    learner.compile("sgd", skip_bad_updates=True)
    assert "skipped_steps" in [m.name for m in learner.metrics]
