"""When a point opens a cluster: the threshold, and the passes over points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from metazoo.methods.bande.bande_clusters import (
    EMPTY,
    Clusters,
    Points,
    squared_distances,
)
from metazoo.methods.bande.bande_shares import each_in_blocks, nearest_cluster

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
    clusters: Clusters,
    points: Points,
    lam: tf.Tensor,
    rule: str,
    num_ways: Any,
    in_blocks: bool = False,
) -> tf.Tensor:
    """Which labelled points open a cluster of their class (step 4).

    Args:
        clusters: what there is; every class of a point has a cluster.
        points: the points, in order.
        lam: float [tasks], the threshold.
        rule: "all_class_clusters" compares a point with every cluster of
            its class, those opened before it too; "first_cluster" with the
            first one alone, so that the order does not matter.
        num_ways: number of classes.
        in_blocks: compare a bounded number of points at a time.

    Returns:
        bool [tasks, points].
    """
    if rule == "first_cluster":
        nearest = _all(_first_cluster, points, clusters, in_blocks)
        return points.mask & (nearest > lam[:, None])
    nearest = _all(nearest_cluster, points, clusters, in_blocks)
    # Padding may carry any label.
    group = tf.clip_by_value(points.y, 0, num_ways - 1)
    return _in_turn(points, nearest, lam, group, num_ways)


def unlabelled_births(
    clusters: Clusters,
    points: Points,
    lam: tf.Tensor,
    in_blocks: bool = False,
) -> tf.Tensor:
    """Which unlabelled points open a cluster of no class (step 6).

    Args:
        clusters: what there is.
        points: the points, in order; their labels are -1.
        lam: float [tasks], the threshold.
        in_blocks: compare a bounded number of points at a time.

    Returns:
        bool [tasks, points].
    """
    nearest = _all(nearest_cluster, points, clusters, in_blocks)
    return _in_turn(points, nearest, lam, tf.zeros_like(points.y), 1)


def _all(
    function: Callable[[Points, Clusters], tf.Tensor],
    points: Points,
    clusters: Clusters,
    in_blocks: bool,
) -> tf.Tensor:
    if not in_blocks:
        return function(points, clusters)
    return each_in_blocks(
        lambda block: function(block, clusters), points, clusters, tf.float32
    )


def _first_cluster(points: Points, clusters: Clusters) -> tf.Tensor:
    same = clusters.label[:, None, :] == points.y[:, :, None]
    # The largest of 0 and 1 that comes first.
    first = tf.argmax(tf.cast(same, tf.int32), -1)
    distances = squared_distances(points.h, clusters.mu)
    return tf.gather(distances, first, batch_dims=2)


def _in_turn(
    points: Points,
    nearest: tf.Tensor,
    lam: tf.Tensor,
    group: tf.Tensor,
    num_groups: Any,
) -> tf.Tensor:
    """Looks at the points one after another, at all groups together.

    Between two births nothing changes, and a birth changes nothing for the
    points of another group: each turn goes straight to the next point that
    opens a cluster, in every group of every task.

    Args:
        points: the points.
        nearest: float [tasks, points], squared distance to the nearest
            cluster that a point may join.
        lam: float [tasks].
        group: int32 [tasks, points], below `num_groups`; a new cluster takes
            points of its own group only.
        num_groups: number of groups.

    Returns:
        bool [tasks, points].
    """
    nobody = tf.zeros_like(points.mask)
    if points.h.shape[1] == 0:
        # XLA refuses to look a point up among none.
        return nobody
    tasks, count = tf.unstack(tf.shape(points.mask))
    numbers = tf.range(count)[None]
    segment = tf.range(tasks)[:, None] * num_groups + group

    def waiting(last: tf.Tensor, nearest: tf.Tensor) -> tf.Tensor:
        return points.mask & (nearest > lam[:, None]) & (numbers > last)

    def body(last: Any, nearest: Any, born: Any) -> Any:
        queue = tf.where(waiting(last, nearest), numbers, count)
        place = tf.math.unsorted_segment_min(queue, segment, tasks * num_groups)
        # Of each point, the place of the one that opens in its group.
        place = tf.gather(place, segment)
        some = place < count
        there = tf.gather(points.h, tf.minimum(place, count - 1), batch_dims=1)
        distances = tf.reduce_sum(tf.square(points.h - there), -1)
        closer = tf.minimum(nearest, distances)
        nearest = tf.where(some, closer, nearest)
        born |= some & (numbers == place)
        return tf.where(some, place, last), nearest, born

    before = -tf.ones_like(points.y)
    _, _, born = tf.while_loop(
        lambda last, nearest, _: tf.reduce_any(waiting(last, nearest)),
        body,
        (before, nearest, nobody),
        parallel_iterations=1,
    )
    return born
