"""What must not change a task's clusters, and where gradients go."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.bande.bande_clusters import (
    Clusters,
    Points,
    compacted,
    with_means,
)
from metazoo.methods.bande.bande_inference import (
    Settings,
    Sigmas,
    infer,
)
from metazoo.methods.bande.bande_scores import score

sys.path.insert(0, str(Path(__file__).parent))
from bande_cases import WAYS, as_list, assert_same, draw, points, run, sigmas


@pytest.mark.parametrize("mode", ["bande", "kmeans-distractor"])
def test_masked_unlabelled_points_are_none(mode):
    h, y, u = draw(5)
    without = run(points(h, y), mode=mode)
    masked = run(points(h, y), points(u, mask=np.zeros((2, 7))), mode=mode)
    np.testing.assert_array_equal(without.lam, masked.lam)
    for a, b in zip(
        compacted(without.clusters), compacted(masked.clusters), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_labelled_shares_sum_to_one_and_vanish_off_class():
    h, y, u = draw(6)
    got = run(points(h, y), points(u))
    z = got.support_z.numpy()
    np.testing.assert_allclose(z.sum(-1), 1.0, atol=1e-6)
    np.testing.assert_allclose(got.unlabelled_z.numpy().sum(-1), 1.0, atol=1e-6)
    label = got.clusters.label.numpy()
    slots = label.shape[1]
    full = np.where(z.sum(1) > 1e-3, 1, 0)
    for t in range(2):
        for c in range(slots):
            if full[t, c] and label[t, c] >= 0:
                others = y[t] != label[t, c]
                assert (z[t, others, c] == 0).all()


def test_order_matters_to_the_papers_rule_alone():
    # Between its mean 0 and the threshold lie 3 and -3; 3.5 opens a
    # cluster, and then takes 3.4 in, if it comes first.
    h = np.array([[[3.5], [3.4], [-3.45], [-3.45]]])
    y = [[0, 0, 0, 0]]
    counts = {}
    for rule in ("all_class_clusters", "first_cluster"):
        got = run(
            points(h, y), rule=rule, sigma=1.0, alpha=math.exp(-5.0), ways=1
        )
        assert float(got.lam[0]) == pytest.approx(10.0, rel=1e-5)
        counts[rule] = [
            len(as_list(got.clusters._replace(mu=got.clusters.mu), 0))
        ][0]
    assert counts["all_class_clusters"] < counts["first_cluster"]


def test_first_cluster_states_ignore_the_order():
    h, y, _ = draw(8)
    order = np.random.default_rng(0).permutation(h.shape[1])
    one = run(points(h, y), rule="first_cluster", alpha=0.9)
    two = run(points(h[:, order], y[:, order]), rule="first_cluster", alpha=0.9)

    def key(cluster):
        return (cluster[1], *np.round(cluster[0], 3))

    for t in range(2):
        assert_same(
            sorted(as_list(one.clusters, t), key=key),
            sorted(as_list(two.clusters, t), key=key),
        )


def test_gradient_ignores_shares_births_and_threshold():
    h, y, u = draw(9)
    queries = tf.constant(draw(10)[0])
    settings = Settings("bande", "all_class_clusters", 1)
    variances = sigmas(1.5, 2.5)
    alpha = tf.fill([2], 0.3)
    x, free = tf.Variable(h), tf.Variable(u)

    def loss_of(clusters):
        logits = score(queries, clusters, WAYS).logits
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
        )

    with tf.GradientTape() as tape:
        support = Points(x, *points(h, y)[1:])
        unlabelled = Points(free, *points(u)[1:])
        got = infer(settings, support, unlabelled, WAYS, variances, alpha)
        loss = loss_of(got.clusters)
    through = tape.gradient(loss, [x, free])
    z = tf.constant(tf.concat([got.support_z, got.unlabelled_z], 1).numpy())
    constant = Clusters(*(tf.constant(part.numpy()) for part in got.clusters))
    before = constant._replace(label=constant.label)
    with tf.GradientTape() as tape:
        fixed = with_means(before, tf.concat([x, free], 1), z)
        loss = loss_of(fixed)
    for a, b in zip(through, tape.gradient(loss, [x, free]), strict=True):
        assert np.abs(a).max() > 0
        np.testing.assert_array_equal(a, b)


def test_gradient_reaches_both_variances():
    h, y, u = draw(11)
    logs = [tf.Variable(math.log(1.5)), tf.Variable(math.log(2.5))]
    with tf.GradientTape() as tape:
        got = infer(
            Settings("bande", "all_class_clusters", 1),
            points(h, y),
            points(u),
            WAYS,
            Sigmas(*logs),
            tf.fill([2], 0.3),
        )
        assert (got.clusters.label.numpy() == -1).any()
        logits = score(tf.constant(h), got.clusters, WAYS).logits
        loss = tf.reduce_sum(tf.nn.log_softmax(logits)[..., 0])
    for gradient in tape.gradient(loss, logs):
        assert abs(float(gradient)) > 0


def test_padding_and_more_tasks_change_nothing():
    h, y, u = draw(12)
    whole = compacted(run(points(h, y), points(u)).clusters)
    junk = np.full((2, 3, 4), 50.0)
    mask = np.pad(np.ones(y.shape), ((0, 0), (0, 3)))
    free = np.pad(np.ones(u.shape[:2]), ((0, 0), (0, 3)))
    padded = run(
        points(np.concatenate([h, junk], 1), np.pad(y, ((0, 0), (0, 3))), mask),
        points(np.concatenate([u, junk], 1), mask=free),
    )
    doubled = run(
        points(np.tile(h, (2, 1, 1)), np.tile(y, (2, 1))),
        points(np.tile(u, (2, 1, 1))),
    )
    for a, b, c in zip(
        whole,
        compacted(padded.clusters),
        compacted(doubled.clusters),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(a, c[:2], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(a, c[2:], rtol=1e-5, atol=1e-5)


def test_renaming_classes_permutes_scores():
    h, y, u = draw(13)
    names = np.array([2, 0, 1])
    queries = tf.constant(draw(14)[0])
    one = run(points(h, y), points(u))
    two = run(points(h, names[y]), points(u))
    np.testing.assert_allclose(
        score(queries, one.clusters, WAYS).logits[..., :WAYS],
        tf.gather(score(queries, two.clusters, WAYS).logits, names, axis=-1),
        rtol=1e-4,
        atol=1e-3,
    )


def test_no_class_loses_its_last_cluster():
    for seed in range(20):
        h, y, u = draw(seed, spread=8.0)
        got = run(points(h, y), points(u), alpha=0.99, steps=3)
        for t in range(2):
            labels = {label for _, label, _, _ in as_list(got.clusters, t)}
            assert {0, 1, 2} <= labels


@pytest.mark.parametrize("rule", ["all_class_clusters", "first_cluster"])
def test_graph_and_xla_agree_with_eager(rule):
    h, y, u = draw(15)

    def outputs(h, u):
        got = run(points_of(h, y), points_of(u), rule=rule)
        return score(h, got.clusters, WAYS).logits, got.clusters.label

    def points_of(h, y=None):
        labels = -np.ones(h.shape[:2]) if y is None else y
        return Points(
            h, tf.constant(labels, tf.int32), tf.ones(h.shape[:2], tf.bool)
        )

    inputs = tf.constant(h), tf.constant(u)
    logits, label = outputs(*inputs)
    for jit in (False, True):
        other = tf.function(outputs, jit_compile=jit)(*inputs)
        np.testing.assert_array_equal(other[1], label)
        np.testing.assert_allclose(other[0], logits, rtol=1e-3, atol=1e-2)
