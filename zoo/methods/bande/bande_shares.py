"""Which clusters a point may join, and its shares in them (steps 5 and 7)."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from metazoo.methods.bande.bande_clusters import (
    EMPTY,
    UNLABELED,
    Clusters,
    Points,
    log_densities,
    moved,
    squared_distances,
)

# Pairs of a point and a cluster that are looked at together where points
# come in blocks: 64 MiB of float32.
PAIRS_OF_BLOCK = 2**24

Each = Callable[[Points], tf.Tensor]


def may_join(points: Points, clusters: Clusters) -> tf.Tensor:
    """Pairs that are allowed: a label's own clusters, or any without one.

    Args:
        points: the points.
        clusters: the clusters.

    Returns:
        bool [tasks, points, slots]; of padding it says nothing.
    """
    label, y = clusters.label[:, None, :], points.y[:, :, None]
    return (label == y) | ((y == UNLABELED) & (label != EMPTY))


def shares(points: Points, clusters: Clusters, hard: bool) -> tf.Tensor:
    """Responsibilities of clusters for points.

    Args:
        points: labelled and unlabelled ones.
        clusters: the clusters.
        hard: the nearest cluster takes all.

    Returns:
        float [tasks, points, slots]; rows sum to 1, those of padding to 0.
    """
    if hard:
        scores = -squared_distances(points.h, clusters.mu)
    else:
        scores = log_densities(points.h, clusters)
    allowed = may_join(points, clusters) & points.mask[:, :, None]
    least = tf.constant(scores.dtype.min, scores.dtype)
    scores = tf.where(allowed, scores, least)
    if hard:
        best = tf.one_hot(tf.argmax(scores, -1), tf.shape(scores)[-1])
        return tf.where(allowed, best, 0.0)
    top = tf.reduce_max(scores, -1, keepdims=True)
    weights = tf.where(allowed, tf.exp(scores - top), 0.0)
    total = tf.reduce_sum(weights, -1, keepdims=True)
    return tf.math.divide_no_nan(weights, total)


def nearest_cluster(points: Points, clusters: Clusters) -> tf.Tensor:
    """Squared distance to the nearest cluster that a point may join.

    Args:
        points: the points.
        clusters: the clusters.

    Returns:
        float [tasks, points].
    """
    distances = squared_distances(points.h, clusters.mu)
    far = tf.constant(distances.dtype.max, distances.dtype)
    return tf.reduce_min(
        tf.where(may_join(points, clusters), distances, far), -1
    )


def means_in_blocks(
    clusters: Clusters, points: Points, hard: bool, fixed: tf.Tensor | None
) -> Clusters:
    """As `with_means` of `shares`, in memory that does not grow with points.

    No gradient is meant to pass.

    Args:
        clusters: the clusters.
        points: the points.
        hard: as for `shares`.
        fixed: bool [slots] of clusters that stay where they are, or None.

    Returns:
        The same slots.
    """
    size = _block_size(points, clusters)
    count = tf.shape(points.mask)[1]

    def add(start: tf.Tensor, mass: tf.Tensor, sums: tf.Tensor) -> tuple:
        block = _block(points, start, size)
        z = shares(block, clusters, hard)
        more = tf.matmul(z, block.h, transpose_a=True)
        return start + size, mass + tf.reduce_sum(z, 1), sums + more

    _, mass, sums = tf.while_loop(
        lambda start, *_: start < count,
        add,
        (0, tf.zeros_like(clusters.mass), tf.zeros_like(clusters.mu)),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None, None]),
            tf.TensorShape([None, None, clusters.mu.shape[-1]]),
        ),
        parallel_iterations=1,
    )
    return moved(clusters, sums, mass, fixed)


def each_in_blocks(
    function: Each, points: Points, clusters: Clusters, dtype: tf.DType
) -> tf.Tensor:
    """Applies a function that says one number of each point.

    Args:
        function: from a block of points to [tasks, points].
        points: all points.
        clusters: those that `function` compares them with.
        dtype: of the numbers.

    Returns:
        [tasks, points].
    """
    size = _block_size(points, clusters)
    count = tf.shape(points.mask)[1]

    def append(start: tf.Tensor, found: tf.Tensor) -> tuple:
        more = function(_block(points, start, size))
        return start + size, tf.concat([found, more], 1)

    _, found = tf.while_loop(
        lambda start, _: start < count,
        append,
        (0, tf.zeros([tf.shape(points.mask)[0], 0], dtype)),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None])),
        parallel_iterations=1,
    )
    return tf.ensure_shape(found, points.mask.shape)


def _block_size(points: Points, clusters: Clusters) -> tf.Tensor:
    wide = tf.maximum(tf.size(clusters.label), 1)
    return tf.maximum(PAIRS_OF_BLOCK // wide, 1)


def _block(points: Points, start: tf.Tensor, size: tf.Tensor) -> Points:
    return Points(*(part[:, start : start + size] for part in points))
