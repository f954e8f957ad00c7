"""Clusters and scores of a task against plain loops and simpler methods."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.bande.bande_births import threshold
from metazoo.methods.bande.bande_clusters import (
    class_means,
)
from metazoo.methods.bande.bande_scores import score

sys.path.insert(0, str(Path(__file__).parent))
import bande_reference as reference
from bande_cases import WAYS, as_list, assert_same, draw, points, run


@pytest.mark.parametrize("rule", ["all_class_clusters", "first_cluster"])
@pytest.mark.parametrize("free", [0, 7])
@pytest.mark.parametrize("steps", [1, 3])
def test_clusters_and_scores_equal_plain_loops(rule, free, steps):
    births = 0
    for seed in range(4):
        h, y, u = draw(seed, free=free)
        got = run(points(h, y), points(u), rule=rule, steps=steps)
        queries = np.random.default_rng(seed).normal(size=(2, 5, 4)) * 3
        scores = score(tf.constant(queries, tf.float32), got.clusters, WAYS)
        for t in range(2):
            expected, lam = reference.infer(
                h[t], y[t].tolist(), u[t], 1.5, 2.5, 0.3, rule, steps
            )
            births += len(expected) - WAYS
            assert float(got.lam[t]) == pytest.approx(lam, rel=1e-5)
            assert_same(as_list(got.clusters, t), expected)
            for q in range(5):
                np.testing.assert_allclose(
                    scores.logits[t, q],
                    reference.predict(queries[t, q], expected, WAYS),
                    rtol=1e-3,
                    atol=1e-2,
                )
    assert births > 5


def test_threshold_equals_a_case_worked_out_by_hand():
    # Means (0, 0) and (2, 4): variances 2 and 8, rho = 5; s = 2, D = 2.
    means = class_means(
        points([[[0.0, 0.0], [2.0, 4.0]]], [[0, 1]]), 2, tf.constant(0.0)
    )
    lam = threshold(means, tf.constant([2.0]), tf.constant([0.1]))
    expected = 2 * 2 * math.log((1 + 5 / 2) ** (2 / 2) / 0.1)
    assert float(lam[0]) == pytest.approx(expected, rel=1e-6)


def test_threshold_of_one_class_and_of_absent_classes_ignores_them():
    one = class_means(points([[[1.0, 2.0]]], [[0]]), 1, tf.constant(0.0))
    lam = threshold(one, tf.constant([2.0]), tf.constant([0.1]))
    assert float(lam[0]) == pytest.approx(-4 * math.log(0.1), rel=1e-6)
    h = [[[0.0, 0.0], [2.0, 4.0]]]
    two = class_means(points(h, [[0, 1]]), 2, tf.constant(0.0))
    gaps = class_means(points(h, [[1, 4]]), 6, tf.constant(0.0))
    given = tf.constant([2.0]), tf.constant([0.1])
    assert float(threshold(gaps, *given)[0]) == pytest.approx(
        float(threshold(two, *given)[0])
    )


def test_tiny_alpha_gives_prototypes():
    h, y, _ = draw(0)
    for sigma in (0.5, 4.0):
        got = run(points(h, y), sigma=sigma, alpha=1e-30)
        queries = np.random.default_rng(1).normal(size=(2, 9, 4)) * 3
        logits = score(tf.constant(queries, tf.float32), got.clusters, WAYS)
        logits = logits.logits[..., :WAYS]
        for t in range(2):
            means = np.stack([h[t][y[t] == k].mean(0) for k in range(WAYS)])
            distances = np.sum((queries[t][:, None] - means) ** 2, -1)
            offset = logits[t] + distances / (2 * sigma)
            np.testing.assert_allclose(offset, offset[0, 0], atol=1e-3)
            assert (np.argmax(logits[t], -1) == distances.argmin(-1)).all()
            if sigma == 0.5:
                weights = np.exp(distances.min(-1, keepdims=True) - distances)
                np.testing.assert_allclose(
                    tf.nn.softmax(logits[t]),
                    weights / weights.sum(-1, keepdims=True),
                    atol=1e-4,
                )


def nearest_labels(h, y, queries):
    distances = np.sum((queries[:, None] - h) ** 2, -1)
    return y[distances.argmin(-1)]


@pytest.mark.parametrize(
    "changes", [{"mode": "soft-nn"}, {"alpha": 1e30, "sigma": 1e-6}]
)
def test_every_point_a_cluster_predicts_the_nearest_neighbour(changes):
    h, y, _ = draw(3)
    got = run(points(h, y), **changes)
    if "alpha" in changes:
        assert (got.lam < 0).numpy().all()
    queries = np.random.default_rng(2).normal(size=(2, 30, 4)) * 3
    logits = score(tf.constant(queries, tf.float32), got.clusters, WAYS).logits
    for t in range(2):
        expected = nearest_labels(h[t], y[t], queries[t])
        assert (np.argmax(logits[t, :, :WAYS], -1) == expected).all()


def test_one_shot_of_distinct_classes_has_no_births():
    h, y, _ = draw(4, shots=1)
    got = run(points(h, y), alpha=0.9)
    for t in range(2):
        found = as_list(got.clusters, t)
        assert [label for _, label, _, _ in found] == [0, 1, 2]
        np.testing.assert_allclose([mu for mu, *_ in found], h[t], atol=1e-6)


def test_equal_variances_predict_the_nearest_mean():
    h, y, _ = draw(7)
    got = run(points(h, y), alpha=0.9)
    queries = np.random.default_rng(2).normal(size=(2, 30, 4)) * 3
    scores = score(tf.constant(queries, tf.float32), got.clusters, WAYS)
    for t in range(2):
        found = as_list(got.clusters, t)
        assert len(found) > WAYS
        means = np.stack([mu for mu, *_ in found])
        labels = np.array([label for _, label, _, _ in found])
        expected = nearest_labels(means, labels, queries[t])
        best = np.argmax(scores.logits[t], -1)
        assert (best == expected).all()
        slot = scores.cluster[t].numpy()
        assert (got.clusters.label[t].numpy()[slot] == expected).all()
