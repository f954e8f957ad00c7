"""BANDE on many points: blocks bound the memory and change no answer."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.methods.bande import bande_shares
from metazoo.methods.bande.bande_clusters import Points, compacted
from metazoo.methods.bande.bande_inference import (
    Settings,
    Sigmas,
    infer,
    unsupervised,
)

WAYS = 3
SMALL = 200


@pytest.fixture
def seen(monkeypatch):
    """Few pairs a block; the pairs of every block that was looked at."""
    pairs = []
    shares = bande_shares.shares

    def spy(points, clusters, hard):
        pairs.append(points.mask.shape[1] * int(tf.size(clusters.label)))
        return shares(points, clusters, hard)

    monkeypatch.setattr(bande_shares, "shares", spy)
    monkeypatch.setattr(bande_shares, "PAIRS_OF_BLOCK", SMALL)
    return pairs


def points(count, seed, labelled):
    """Two tasks of scattered points; the first of the second is padding."""
    rng = np.random.default_rng(seed)
    h = 3.0 * rng.normal(size=(2, count, 4)).astype(np.float32)
    y = np.arange(2 * count).reshape(2, count) % WAYS
    mask = np.ones((2, count), bool)
    mask[1, 0] = False
    h[1, 0] = 1e6
    return Points(
        tf.constant(h),
        tf.constant(y if labelled else np.full_like(y, -1), tf.int32),
        tf.constant(mask),
    )


def inferred(compact, mode, rule, steps):
    sigma = tf.math.log(1.0)
    return infer(
        Settings(mode, rule, steps, compact),
        points(40, 0, labelled=True),
        points(25, 1, labelled=False),
        WAYS,
        Sigmas(sigma, sigma),
        tf.fill([2], 0.3),
    )


@pytest.mark.parametrize(
    ("mode", "rule", "steps"),
    [
        ("bande", "all_class_clusters", 1),
        ("bande", "all_class_clusters", 2),
        ("bande", "first_cluster", 1),
        ("dp-means-hard", "all_class_clusters", 1),
        ("kmeans-distractor", "all_class_clusters", 2),
    ],
)
def test_clusters_in_blocks_equal_those_of_all_points(mode, rule, steps, seen):
    whole = compacted(inferred(False, mode, rule, steps).clusters)
    assert not seen
    parts = compacted(inferred(True, mode, rule, steps).clusters)
    assert len(seen) > 2 * steps
    # A single point may be more than a block's worth.
    assert max(seen) <= max(SMALL, parts.label.shape[1] * 2)
    np.testing.assert_array_equal(parts.label, whole.label)
    for name in ("mu", "log_sigma", "mass"):
        np.testing.assert_allclose(
            getattr(parts, name), getattr(whole, name), rtol=1e-4, atol=1e-4
        )


def test_groups_in_blocks_equal_those_of_all_points(seen, monkeypatch):
    def grouped():
        free = points(40, 2, labelled=False)
        sigma = tf.math.log(1.0)
        lam, passes = tf.fill([2], 20.0), tf.constant([1, 3])
        return unsupervised(free, lam, passes, sigma)

    parts, chosen = grouped()
    few = len(seen)
    monkeypatch.setattr(bande_shares, "PAIRS_OF_BLOCK", 2**24)
    whole, choice = grouped()
    assert len(seen) - few < few
    np.testing.assert_array_equal(chosen, choice)
    np.testing.assert_array_equal(parts.label, whole.label)
    np.testing.assert_allclose(parts.mu, whole.mu, rtol=1e-4, atol=1e-4)


def test_thousands_of_points_may_all_open_clusters(identity):
    learner = metazoo.BANDE(identity(8), sigma=1e-3, value_range=None)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 8)).astype(np.float32)
    y = np.arange(5000) % 10
    state = learner.adapt(x, y).state
    assert state["num_clusters"][0] == 5000
    order = np.lexsort(x.T)
    found = np.lexsort(state["mu"][0].T)
    np.testing.assert_allclose(state["mu"][0][found], x[order], atol=1e-4)
    np.testing.assert_array_equal(state["label"][0][found], y[order])
