"""When a point opens a cluster: the threshold, and the passes over points."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from metazoo.methods.bande.bande_clusters import (
    EMPTY,
    Clusters,
    Points,
    squared_distances,
)

RULES = ("all_class_clusters", "first_cluster")


def threshold(means: Clusters, sigma: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """Squared distance beyond which a point opens a cluster (step 3).

    -2 s log(alpha) + D s log(1 + rho / s): s is `sigma`, rho the unbiased
    variance of the class means, averaged over the D dimensions; 0 for a
    single class.

    Args:
        means: one cluster for each class.
        sigma: float [tasks], variance.
        alpha: float [tasks], concentration.

    Returns:
        float [tasks].
    """
    present = tf.cast(means.label != EMPTY, means.mu.dtype)[..., None]
    count = tf.reduce_sum(present, 1)
    centre = tf.math.divide_no_nan(tf.reduce_sum(means.mu * present, 1), count)
    spread = tf.square(means.mu - centre[:, None]) * present
    variance = tf.math.divide_no_nan(
        tf.reduce_sum(spread, 1), tf.maximum(count - 1.0, 0.0)
    )
    rho = tf.reduce_mean(variance, -1)
    size = float(means.mu.shape[-1])
    return sigma * (
        size * tf.math.log1p(rho / sigma) - 2.0 * tf.math.log(alpha)
    )


def labelled_births(
    clusters: Clusters, points: Points, lam: tf.Tensor, rule: str
) -> tf.Tensor:
    """Which labelled points open a cluster of their class (step 4).

    Args:
        clusters: what there is; every class of a point has a cluster.
        points: the points, in order.
        lam: float [tasks], the threshold.
        rule: "all_class_clusters" compares a point with every cluster of
            its class, those opened before it too; "first_cluster" with the
            first one alone, so that the order does not matter.

    Returns:
        bool [tasks, points].
    """
    same = clusters.label[:, None, :] == points.y[:, :, None]
    distances = squared_distances(points.h, clusters.mu)
    if rule == "first_cluster":
        # The largest of 0 and 1 that comes first.
        first = tf.argmax(tf.cast(same, tf.int32), -1)
        nearest = tf.gather(distances, first, batch_dims=2)
        return points.mask & (nearest > lam[:, None])
    return _in_turn(points, _least(distances, same), lam, by_label=True)


def unlabelled_births(
    clusters: Clusters, points: Points, lam: tf.Tensor
) -> tf.Tensor:
    """Which unlabelled points open a cluster of no class (step 6).

    Args:
        clusters: what there is.
        points: the points, in order.
        lam: float [tasks], the threshold.

    Returns:
        bool [tasks, points].
    """
    full = (clusters.label != EMPTY)[:, None, :]
    distances = squared_distances(points.h, clusters.mu)
    return _in_turn(points, _least(distances, full), lam, by_label=False)


def _least(distances: tf.Tensor, allowed: tf.Tensor) -> tf.Tensor:
    far = tf.constant(distances.dtype.max, distances.dtype)
    return tf.reduce_min(tf.where(allowed, distances, far), -1)


def _in_turn(
    points: Points, nearest: tf.Tensor, lam: tf.Tensor, by_label: bool
) -> tf.Tensor:
    """Looks at the points one after another, at all tasks together.

    Between two births nothing changes, so each turn goes straight to every
    task's next point that opens a cluster.

    Args:
        points: the points.
        nearest: float [tasks, points], squared distance to the nearest
            cluster that a point may join.
        lam: float [tasks].
        by_label: a new cluster takes points of its own label only.
    """
    nobody = tf.zeros_like(points.mask)
    if points.h.shape[1] == 0:
        # XLA refuses to look a point up among none.
        return nobody
    numbers = tf.range(tf.shape(points.h)[1])[None]

    def waiting(last: tf.Tensor, nearest: tf.Tensor) -> tf.Tensor:
        far = points.mask & (nearest > lam[:, None])
        return far & (numbers > last[:, None])

    def body(last: Any, nearest: Any, born: Any) -> Any:
        queue = waiting(last, nearest)
        some = tf.reduce_any(queue, 1)
        place = tf.argmax(tf.cast(queue, tf.int32), 1, output_type=tf.int32)
        opens = some[:, None] & (numbers == place[:, None])
        there = tf.gather(points.h, place, batch_dims=1)
        distances = tf.reduce_sum(tf.square(points.h - there[:, None]), -1)
        joins = some[:, None]
        if by_label:
            label = tf.gather(points.y, place, batch_dims=1)
            joins &= points.y == label[:, None]
        closer = tf.minimum(nearest, distances)
        nearest = tf.where(joins, closer, nearest)
        return tf.where(some, place, last), nearest, born | opens

    before = -tf.ones_like(lam, tf.int32)
    _, _, born = tf.while_loop(
        lambda last, nearest, _: tf.reduce_any(waiting(last, nearest)),
        body,
        (before, nearest, nobody),
        parallel_iterations=1,
    )
    return born
