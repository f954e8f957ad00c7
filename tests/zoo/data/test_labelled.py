"""Labelled batches and the augmentation of their images."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data import ClassDataset, LabelledSampler
from metazoo.data.augmentation import augmented


@pytest.fixture(scope="module")
def data() -> ClassDataset:
    """5 classes of 4 examples, each its own row number."""
    return ClassDataset(
        np.arange(20, dtype=np.float32).reshape(20, 1),
        np.arange(0, 21, 4),
        tuple("abcde"),
    )


def test_an_epoch_shows_every_example_once(data):
    sampler = LabelledSampler(data, num_examples=5)
    assert sampler.batches_per_epoch == 4
    for epoch in (0, 1):
        batches = sampler.tasks(4 * epoch, 4)
        seen = np.sort(batches.query_x.numpy().ravel())
        np.testing.assert_array_equal(seen, np.arange(20))
    one, two = sampler.tasks(0, 4).query_x, sampler.tasks(4, 4).query_x
    assert (one.numpy() != two.numpy()).any()


def test_labels_are_classes_of_the_data_set(data):
    batch = LabelledSampler(data, num_examples=20).tasks(0, 1)
    np.testing.assert_array_equal(
        batch.query_y, batch.query_x.numpy()[..., 0] // 4
    )
    assert batch.support_x.shape == (1, 0, 1)


def test_batches_are_known_by_their_number(data):
    one = LabelledSampler(data, num_examples=3, seed=5)
    two = LabelledSampler(data, num_examples=3, seed=5)
    np.testing.assert_array_equal(
        one.tasks(2, 3).query_x, [two.tasks(i, 1).query_x[0] for i in (2, 3, 4)]
    )
    other = LabelledSampler(data, num_examples=3, seed=6)
    assert (one.tasks(0, 4).query_x != other.tasks(0, 4).query_x).numpy().any()


def test_identity_tells_what_changes_batches(data):
    found = [
        LabelledSampler(data, num_examples=n, seed=s).identity()
        for n, s in ((3, 0), (4, 0), (3, 1))
    ]
    assert found[0] != found[1]
    assert found[0] != found[2]


def test_unfit_requests_are_refused(data):
    with pytest.raises(metazoo.EpisodeError, match="num_examples is 21"):
        LabelledSampler(data, num_examples=21)
    with pytest.raises(metazoo.EpisodeError, match="images"):
        LabelledSampler(data, num_examples=2, augment=True)


def test_augmentation_keeps_shape_and_range_and_repeats_itself():
    x = np.random.default_rng(0).uniform(0, 255, (6, 10, 12, 3))
    x = tf.constant(x, tf.float32)
    one, two, other = (augmented(x, tf.constant([s, 1])) for s in (0, 0, 1))
    assert one.shape == x.shape
    assert one.numpy().min() >= 0
    assert one.numpy().max() <= 255
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 1


def test_augmentation_mirrors_about_half():
    ramp = np.tile(np.arange(0, 128, 4)[None, None, :, None], (200, 32, 1, 3))
    found = augmented(tf.constant(ramp, tf.float32), tf.constant([0, 0]))
    falls = (found[:, 16, 0, 0] > found[:, 16, -1, 0]).numpy().mean()
    assert 0.35 < falls < 0.65


def test_each_image_has_its_own_augmentation():
    same = np.random.default_rng(0).uniform(0, 255, (1, 12, 12, 3))
    x = tf.constant(np.repeat(same, 2, 0), tf.float32)
    found = augmented(x, tf.constant([0, 0]))
    assert np.abs(found[0] - found[1]).max() > 1
