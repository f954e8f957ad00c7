"""Clusters of points without any label."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.methods.bande.bande_inference import (
    unsupervised,
)

sys.path.insert(0, str(Path(__file__).parent))
from bande_cases import points

LOG_SIGMA = tf.math.log(5.0)


def blobs(seed=0):
    rng = np.random.default_rng(seed)
    far = np.array([[0.0] * 4, [20.0] * 4])
    which = rng.permutation(np.repeat([0, 1], 6))
    return far[which] + 0.1 * rng.normal(size=(12, 4)), which


@pytest.mark.parametrize("lam", [2.0, 20.0, 1000.0])
@pytest.mark.parametrize("passes", [1, 5])
def test_two_far_blobs_give_two_clusters(lam, passes):
    h, which = blobs()
    clusters, choice = unsupervised(
        points(h[None]),
        tf.constant([lam]),
        tf.constant([passes]),
        LOG_SIGMA,
    )
    assert clusters.label.shape == (1, 2)
    choice = choice[0].numpy()
    assert len({(a, b) for a, b in zip(which, choice, strict=True)}) == 2
    for c in (0, 1):
        np.testing.assert_allclose(
            clusters.mu[0, c], h[choice == c].mean(0), atol=1e-4
        )


def test_unsupervised_padding_and_tasks_change_nothing():
    one, other = blobs(0)[0], blobs(1)[0] * 0.5
    tf_lam, passes = tf.constant([20.0, 1.0]), tf.constant([1, 4])
    h = np.stack([one, other])
    padded = np.concatenate([np.full((2, 2, 4), 99.0), h], 1)
    mask = np.pad(np.ones((2, 12)), ((0, 0), (2, 0)))
    clusters, choice = unsupervised(
        points(padded, mask=mask), tf_lam, passes, LOG_SIGMA
    )
    assert (choice[:, :2].numpy() == -1).all()
    for t in range(2):
        alone, chosen = unsupervised(
            points(h[t : t + 1]),
            tf_lam[t : t + 1],
            passes[t : t + 1],
            LOG_SIGMA,
        )
        np.testing.assert_array_equal(choice[t, 2:], chosen[0])
        count = alone.label.shape[1]
        np.testing.assert_allclose(
            clusters.mu[t, :count], alone.mu[0], atol=1e-4
        )


def reference(h, lam, passes, sigma):
    """Point by point, with one variance for all clusters."""
    means = h[:1]
    for _ in range(passes):
        for point in h:
            if ((means - point) ** 2).sum(1).min() > lam:
                means = np.concatenate([means, point[None]])
        gaps = ((h[:, None] - means[None]) ** 2).sum(-1)
        shares = np.exp(-(gaps - gaps.min(1, keepdims=True)) / (2 * sigma))
        shares /= shares.sum(1, keepdims=True)
        kept = shares.sum(0) > 1e-3
        means = (shares.T @ h)[kept] / shares.sum(0)[kept, None]
        choice = (np.cumsum(kept) - 1)[shares.argmax(1)]
    return means, choice


@pytest.mark.parametrize("lam", [3.0, 12.0])
@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_overlapping_points_group_as_the_reference_says(lam, sigma):
    rng = np.random.default_rng(3)
    h = rng.normal(size=(6, 4))[rng.integers(0, 6, 40)] * 3
    h += rng.normal(size=h.shape)
    clusters, choice = unsupervised(
        points(h[None]),
        tf.constant([lam]),
        tf.constant([4]),
        tf.math.log(sigma),
    )
    means, chosen = reference(h, lam, 4, sigma)
    assert 2 < len(means) < 40
    assert clusters.label.shape == (1, len(means))
    np.testing.assert_allclose(clusters.mu[0], means, atol=1e-3)
    np.testing.assert_array_equal(choice[0], chosen)


def test_variance_of_unlabelled_clusters_does_not_matter():
    x = np.random.default_rng(1).uniform(0, 255, (12, 16, 16, 1))
    found = []
    for other in (0.01, 100.0):
        tf.keras.utils.set_random_seed(0)
        learner = metazoo.BANDE(
            metazoo.layers.conv4((16, 16, 1), filters=4),
            sigma=1.0,
            sigma_unlabeled=other,
        )
        found.append(learner.cluster(x.astype(np.float32), lam=0.5))
    assert found[0]["num_clusters"] > 1
    np.testing.assert_array_equal(found[0]["mu"], found[1]["mu"])
