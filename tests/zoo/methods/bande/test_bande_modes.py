"""The controls: soft k-means, a distractor cluster, hard shares."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.bande.bande_scores import score

sys.path.insert(0, str(Path(__file__).parent))
from bande_cases import as_list, points, run


def test_soft_k_means_refines_means_with_unlabelled_points():
    h = np.array([[[0.0, 0.0], [4.0, 0.0]]])
    u = np.array([[[1.0, 0.0], [3.5, 0.0]]])
    got = run(
        points(h, [[0, 1]]),
        points(u),
        mode="kmeans-refine",
        sigma=0.5,
        ways=2,
    )
    near = 1 / (1 + np.exp(-(9.0 - 1.0)))
    far = 1 / (1 + np.exp(-(12.25 - 0.25)))
    first = (near * 1.0 + (1 - far) * 3.5) / (1 + near + (1 - far))
    found = as_list(got.clusters, 0)
    assert len(found) == 2
    assert found[0][0][0] == pytest.approx(first, rel=1e-4)


def test_distractor_cluster_stays_at_the_origin():
    h = np.array([[[5.0, 5.0], [-5.0, 5.0]]])
    u = np.array([[[0.1, -0.1], [5.0, 5.1]]])
    got = run(
        points(h, [[0, 1]]),
        points(u),
        mode="kmeans-distractor",
        sigma=1.0,
        sigma_u=2.0,
        ways=2,
    )
    found = as_list(got.clusters, 0)
    assert [label for _, label, _, _ in found] == [0, 1, -1]
    np.testing.assert_array_equal(found[2][0], [0.0, 0.0])
    assert found[2][2] == pytest.approx(2.0)
    assert found[2][3] == pytest.approx(1.0, abs=1e-3)
    scores = score(tf.constant([[[0.0, 0.0]]]), got.clusters, 2)
    assert int(tf.argmax(scores.logits[0, 0])) == 2


def test_hard_mode_moves_clusters_to_the_mean_of_their_own_points():
    h = np.array([[[0.0, 0.0], [1.0, 0.0], [10.0, 0.0], [0.0, 9.0]]])
    got = run(
        points(h, [[0, 0, 0, 1]]),
        mode="dp-means-hard",
        sigma=1.0,
        alpha=0.5,
        ways=2,
    )
    z = got.support_z.numpy()
    assert set(np.unique(z)) == {0.0, 1.0}
    scores = score(tf.constant([[[9.0, 0.0]]], tf.float32), got.clusters, 2)
    gap = scores.logits[0, 0, 0] - scores.logits[0, 0, 1]
    own = min(
        np.sum((mu - [9, 0]) ** 2)
        for mu, k, *_ in as_list(got.clusters, 0)
        if k == 0
    )
    assert float(gap) == pytest.approx(81 + 81 - own, rel=1e-4)
