"""Clusters of a task against plain loops, and the paper's invariants."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.bande.bande_births import threshold
from metazoo.methods.bande.bande_clusters import (
    EMPTY,
    Clusters,
    Points,
    class_means,
    compacted,
    with_means,
)
from metazoo.methods.bande.bande_inference import (
    Settings,
    Sigmas,
    infer,
    unsupervised,
)
from metazoo.methods.bande.bande_scores import score

sys.path.insert(0, str(Path(__file__).parent))
import bande_reference as reference

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
