"""Tasks from partitions: what they hold, and that labels have no part."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.data import from_arrays
from metazoo.data.unlabelled import unlabelled
from metazoo.errors import DataError, EpisodeError
from metazoo.methods.cactus.cactus_partitions import Partitions
from metazoo.methods.cactus.cactus_recipe import RECIPES
from metazoo.methods.cactus.cactus_sampler import (
    PartitionSampler,
    distinct_places,
)


@pytest.fixture(scope="module")
def labelled():
    # The first pixel tells each image from the others.
    images = np.zeros((60, 6, 6), np.uint8)
    images[:, 0, 0] = np.arange(60)
    rng = np.random.default_rng(0)
    images[:, 1:] = rng.integers(0, 256, (60, 5, 6))
    return from_arrays(images, np.repeat(np.arange(6), 10))


@pytest.fixture(scope="module")
def data(labelled):
    return unlabelled(labelled)


def partitions(data, ids, min_size=3):
    ids = np.asarray(ids, np.int32)
    none = np.zeros((len(ids), 0), np.float32)
    return Partitions(ids, none, min_size, 0, "", data.fingerprint)


@pytest.fixture(scope="module")
def sampler(data):
    one = np.repeat([0, 1, 2, 3, -1], [3, 4, 20, 23, 10])
    two = np.repeat([0, 2, 5], [20, 20, 20])
    return PartitionSampler(
        data,
        partitions(data, [one, two]),
        num_ways=3,
        num_shots=1,
        num_queries=2,
        seed=4,
    )


def drawn(sampler, count):
    """Image numbers [tasks, ways, shots + queries] of some tasks."""
    episode = sampler.tasks(0, count)
    by_pixel = {int(x[0, 0, 0]): i for i, x in enumerate(sampler.data.images)}

    def rows(x, each):
        numbers = [by_pixel[int(v)] for v in x.numpy()[:, :, 0, 0, 0].ravel()]
        return np.array(numbers).reshape(count, 3, each)

    return np.concatenate(
        [rows(episode.support_x, 1), rows(episode.query_x, 2)], -1
    )


def test_tasks_hold_distinct_images_of_distinct_clusters(sampler):
    one = np.repeat([0, 1, 2, 3, -1], [3, 4, 20, 23, 10])
    two = np.repeat([0, 2, 5], [20, 20, 20])
    for task in drawn(sampler, 60):
        assert len(set(task.ravel())) == 9
        fits = []
        for ids in (one, two):
            clusters = [set(ids[row]) for row in task]
            names = [next(iter(c)) for c in clusters]
            alone = all(len(c) == 1 for c in clusters) and -1 not in names
            fits.append(alone and len(set(names)) == 3)
        assert any(fits)


def test_clusters_are_drawn_whatever_their_size(data):
    ids = [np.repeat([0, 1, 2, 3], [3, 3, 24, 30])]
    sampler = PartitionSampler(
        data,
        partitions(data, ids),
        num_ways=3,
        num_shots=1,
        num_queries=2,
    )
    found = np.repeat([0, 1, 2, 3], [3, 3, 24, 30])[drawn(sampler, 400)]
    counts = np.bincount(found[..., 0].ravel(), minlength=4) / 1200
    assert np.abs(counts - 0.25).max() < 0.04


def test_tasks_are_known_by_their_number(sampler):
    together, alone = sampler.tasks(0, 5), sampler.tasks(3, 1)
    np.testing.assert_array_equal(together.support_x[3:4], alone.support_x)
    np.testing.assert_array_equal(together.query_x[3:4], alone.query_x)
    np.testing.assert_array_equal(alone.query_y[0], [0, 0, 1, 1, 2, 2])


def test_places_are_distinct_and_uniform():
    draws = tf.random.stateless_uniform([6000, 3], [1, 2])
    found = distinct_places(draws, tf.fill([6000], 4)).numpy()
    assert all(len(set(row)) == 3 for row in found)
    orders, counts = np.unique(found, axis=0, return_counts=True)
    assert len(orders) == 24 and np.abs(counts - 250).max() < 80


def test_permuted_labels_leave_every_task_unchanged(labelled):
    recipe = RECIPES["omniglot_protonet"].tiny(
        num_ways=3, num_queries=2, num_clusters=4, num_partitions=3
    )
    order = np.random.default_rng(3).permutation(60)
    images = labelled.images[order]
    moved = from_arrays(images, np.repeat(np.arange(6), 10)[::-1].copy())
    episodes = [
        recipe.training_source(data).tasks(0, 20) for data in (labelled, moved)
    ]
    np.testing.assert_array_equal(episodes[0].support_x, episodes[1].support_x)
    np.testing.assert_array_equal(episodes[0].query_x, episodes[1].query_x)


def test_training_data_know_no_classes():
    recipe = RECIPES["omniglot_protonet"].tiny()
    data = recipe.load_dataset(None)
    assert data.class_names == ("unlabelled",) and not data.labels.any()
    assert recipe.load_dataset(None, "val").num_classes > 1
    oracle = recipe.replace(kind="oracle")
    assert oracle.load_dataset(None).num_classes > 1 and not oracle.stages()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"num_ways": 5}, "num_ways=5 is more than the 3 clusters"),
        ({"num_queries": 3}, "num_shots=1"),
        ({"num_shots": 0}, "num_shots"),
    ],
)
def test_tasks_that_clusters_can_t_give_are_refused(data, changes, text):
    ids = [np.repeat([0, 1, 2], 20)]
    setting = {"num_ways": 3, "num_shots": 1, "num_queries": 2, **changes}
    with pytest.raises(EpisodeError, match=text):
        PartitionSampler(data, partitions(data, ids), **setting)


def test_one_cluster_only_is_refused(data):
    with pytest.raises(EpisodeError, match="nothing to tell"):
        PartitionSampler(
            data,
            partitions(data, np.zeros((1, 60))),
            num_ways=2,
            num_shots=1,
            num_queries=2,
        )


def test_partitions_of_other_images_are_refused(labelled, data):
    ids = partitions(data, np.zeros((1, 60)))
    with pytest.raises(DataError, match="other examples"):
        PartitionSampler(labelled, ids, num_ways=2, num_shots=1, num_queries=1)


def test_tasks_of_one_cluster_are_refused(data):
    ids = partitions(data, np.arange(60)[None] % 3)
    with pytest.raises(EpisodeError, match="num_ways must be at least 2"):
        PartitionSampler(data, ids, num_ways=1, num_shots=1, num_queries=1)
