"""Small tasks, and what BANDE makes of them, for its tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.bande.bande_clusters import EMPTY, Points
from metazoo.methods.bande.bande_inference import Settings, Sigmas, infer

WAYS = 3


def points(h, y=None, mask=None) -> Points:
    """Points of some tasks, from arrays [tasks, points, embedding]."""
    h = tf.constant(h, tf.float32)
    y = -np.ones(h.shape[:2]) if y is None else y
    mask = np.ones(h.shape[:2]) if mask is None else mask
    return Points(h, tf.constant(y, tf.int32), tf.cast(mask, tf.bool))


def nothing(tasks=2, size=4) -> Points:
    return points(np.zeros((tasks, 0, size)))


def sigmas(labelled, unlabelled) -> Sigmas:
    return Sigmas(
        tf.constant(math.log(labelled), tf.float32),
        tf.constant(math.log(unlabelled), tf.float32),
    )


def draw(seed, tasks=2, shots=6, free=7, size=4, spread=3.0):
    """Classes of two blobs each, and points of other places."""
    rng = np.random.default_rng(seed)
    centres = spread * rng.normal(size=(tasks, WAYS, 2, size))
    y = np.tile(np.repeat(np.arange(WAYS), shots), (tasks, 1))
    blob = rng.integers(0, 2, y.shape)
    h = np.stack([c[a, b] for c, a, b in zip(centres, y, blob, strict=True)])
    h = h + 0.5 * rng.normal(size=h.shape)
    u = spread * rng.normal(size=(tasks, free, size))
    return h.astype(np.float32), y, u.astype(np.float32)


def run(
    support,
    unlabelled=None,
    sigma=1.5,
    sigma_u=2.5,
    alpha=0.3,
    mode="bande",
    rule="all_class_clusters",
    steps=1,
    ways=WAYS,
):
    """Infers with the same alpha for every task."""
    tasks, _, size = support.h.shape
    unlabelled = nothing(tasks, size) if unlabelled is None else unlabelled
    return infer(
        Settings(mode, rule, steps),
        support,
        unlabelled,
        ways,
        sigmas(sigma, sigma_u),
        tf.fill([tasks], tf.constant(alpha, tf.float32)),
    )


def as_list(clusters, task):
    """Clusters of a task that are not empty, as the reference lists them."""
    mu, label, log_sigma, mass = (part[task].numpy() for part in clusters)
    return [
        (mu[c], label[c], math.exp(log_sigma[c]), mass[c])
        for c in range(len(label))
        if label[c] != EMPTY
    ]


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one[1] == other[1]
        np.testing.assert_allclose(one[0], other[0], rtol=1e-3, atol=1e-3)
        assert one[2] == pytest.approx(other[2], rel=1e-5)
        assert one[3] == pytest.approx(other[3], rel=1e-3)
