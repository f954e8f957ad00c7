"""Scores of queries: each label speaks by its closest cluster."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from metazoo.losses import MASKED_LOGIT
from metazoo.methods.bande.bande_clusters import (
    EMPTY,
    UNLABELED,
    Clusters,
    log_densities,
)


class Scores(NamedTuple):
    """How well queries fit the clusters.

    Attributes:
        logits: float32 [tasks, query, ways + 1], best log density of each
            class, and of unlabelled clusters in the last column; -1e9 where
            a label has no cluster.
        cluster: int32 [tasks, query], slot of the best cluster.
    """

    logits: tf.Tensor
    cluster: tf.Tensor


def score(h: tf.Tensor, clusters: Clusters, num_ways: Any) -> Scores:
    """Scores queries by the closest cluster of each label (steps 9 to 11).

    Args:
        h: float32 [tasks, query, embedding].
        clusters: of the tasks.
        num_ways: number of classes, above every label.

    Returns:
        The scores.
    """
    densities = log_densities(h, clusters)
    full = clusters.label != EMPTY
    least = tf.constant(densities.dtype.min, densities.dtype)
    among = tf.where(full[:, None, :], densities, least)
    return Scores(
        logits=_best_of_labels(densities, clusters.label, num_ways + 1),
        cluster=tf.argmax(among, -1, output_type=tf.int32),
    )


def _best_of_labels(
    densities: tf.Tensor, label: tf.Tensor, columns: Any
) -> tf.Tensor:
    """Maxima over the slots of each label, as segments of all tasks."""
    tasks, queries = tf.shape(densities)[0], tf.shape(densities)[1]
    column = tf.where(label == UNLABELED, columns - 1, label)
    first = tf.range(tasks)[:, None] * columns
    # A negative segment is left out.
    segments = tf.where(label == EMPTY, -1, first + column)
    segments = tf.reshape(segments, [-1])
    by_slot = tf.reshape(tf.transpose(densities, [0, 2, 1]), [-1, queries])
    best = tf.math.unsorted_segment_max(by_slot, segments, tasks * columns)
    best = tf.reshape(best, [tasks, columns, queries])
    ones = tf.ones_like(segments)
    count = tf.math.unsorted_segment_sum(ones, segments, tasks * columns)
    present = tf.reshape(count, [tasks, columns, 1]) > 0
    best = tf.where(present, best, MASKED_LOGIT)
    return tf.transpose(best, [0, 2, 1])
