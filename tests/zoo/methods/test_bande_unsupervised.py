"""Clusters of points without any label."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.bande.bande_inference import (
    unsupervised,
)

sys.path.insert(0, str(Path(__file__).parent))
from bande_cases import points, sigmas


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
        sigmas(5.0, 5.0),
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
        points(padded, mask=mask), tf_lam, passes, sigmas(5.0, 5.0)
    )
    assert (choice[:, :2].numpy() == -1).all()
    for t in range(2):
        alone, chosen = unsupervised(
            points(h[t : t + 1]),
            tf_lam[t : t + 1],
            passes[t : t + 1],
            sigmas(5.0, 5.0),
        )
        np.testing.assert_array_equal(choice[t, 2:], chosen[0])
        count = alone.label.shape[1]
        np.testing.assert_allclose(
            clusters.mu[t, :count], alone.mu[0], atol=1e-4
        )
