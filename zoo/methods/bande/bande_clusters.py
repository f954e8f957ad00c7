"""Clusters of a task: their tensors, densities, and means."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import tensorflow as tf

# Labels of clusters that belong to no class.
UNLABELED = -1
EMPTY = -2
# A cluster that holds less is dropped (official code).
LEAST_MASS = 1e-3


class Points(NamedTuple):
    """Embedded examples of some tasks.

    Attributes:
        h: float32 [tasks, points, embedding].
        y: int32 [tasks, points]; -1 where there is no label.
        mask: bool [tasks, points], False for padding.
    """

    h: tf.Tensor
    y: tf.Tensor
    mask: tf.Tensor


class Clusters(NamedTuple):
    """Isotropic Gaussians, in slots of which some are empty.

    Attributes:
        mu: float32 [tasks, slots, embedding].
        label: int32 [tasks, slots]: a class, -1 for a cluster of unlabelled
            points, -2 for an empty slot.
        log_sigma: float32 [tasks, slots], log of the variance.
        mass: float32 [tasks, slots], sum of responsibilities.
    """

    mu: tf.Tensor
    label: tf.Tensor
    log_sigma: tf.Tensor
    mass: tf.Tensor


def detached(values: Any) -> Any:
    """Stops gradients through every tensor of a named tuple."""
    return type(values)(*(tf.stop_gradient(part) for part in values))


def squared_distances(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean distances.

    Args:
        a: float [tasks, n, embedding].
        b: float [tasks, m, embedding].

    Returns:
        float [tasks, n, m], none negative.
    """
    cross = tf.matmul(a, b, transpose_b=True)
    a_norm = tf.reduce_sum(tf.square(a), -1)[:, :, None]
    b_norm = tf.reduce_sum(tf.square(b), -1)[:, None, :]
    return tf.maximum(a_norm + b_norm - 2.0 * cross, 0.0)


def log_densities(h: tf.Tensor, clusters: Clusters) -> tf.Tensor:
    """Log density of every point under every cluster.

    Args:
        h: float [tasks, points, embedding].
        clusters: the Gaussians; sigma is a variance.

    Returns:
        float [tasks, points, slots], of empty slots too.
    """
    size = h.shape[-1]
    log_sigma = clusters.log_sigma[:, None, :]
    distances = squared_distances(h, clusters.mu)
    normaliser = 0.5 * size * (math.log(2 * math.pi) + log_sigma)
    return -0.5 * distances * tf.exp(-log_sigma) - normaliser


def class_means(
    support: Points, num_ways: Any, log_sigma: tf.Tensor
) -> Clusters:
    """One cluster for each class, the mean of its points (step 2).

    Args:
        support: labelled points.
        num_ways: number of classes.
        log_sigma: scalar, of every cluster.

    Returns:
        `num_ways` slots; that of a class without a point is empty.
    """
    members = tf.one_hot(support.y, num_ways, dtype=support.h.dtype)
    members *= tf.cast(support.mask, members.dtype)[..., None]
    mass = tf.reduce_sum(members, 1)
    sums = tf.matmul(members, support.h, transpose_a=True)
    classes = tf.broadcast_to(tf.range(num_ways)[None], tf.shape(mass))
    return Clusters(
        mu=tf.math.divide_no_nan(sums, mass[..., None]),
        label=tf.where(mass > 0, classes, EMPTY),
        log_sigma=tf.zeros_like(mass) + log_sigma,
        mass=mass,
    )


def with_points(
    clusters: Clusters, points: Points, born: tf.Tensor, log_sigma: tf.Tensor
) -> Clusters:
    """Adds a slot for every point, full where the point opened a cluster.

    Args:
        clusters: what there is.
        points: the points, their labels those of the clusters.
        born: bool [tasks, points].
        log_sigma: scalar, of the new clusters.

    Returns:
        As many slots more as there are points.
    """
    nothing = tf.zeros_like(points.h[..., 0])
    new = Clusters(
        mu=points.h,
        label=tf.where(born, points.y, EMPTY),
        log_sigma=nothing + log_sigma,
        mass=nothing,
    )
    pairs = zip(clusters, new, strict=True)
    return Clusters(*(tf.concat(pair, axis=1) for pair in pairs))


def with_means(
    clusters: Clusters, h: tf.Tensor, z: tf.Tensor, fixed: Any = None
) -> Clusters:
    """Moves clusters to the means of their points; drops empty ones (step 8).

    The gradient goes through `h` alone.

    Args:
        clusters: the clusters that `z` belongs to.
        h: float [tasks, points, embedding].
        z: float [tasks, points, slots], responsibilities.
        fixed: bool [slots] of clusters that stay where they are, or None.

    Returns:
        The same slots.
    """
    z = tf.stop_gradient(z)
    sums = tf.matmul(z, h, transpose_a=True)
    return moved(clusters, sums, tf.reduce_sum(z, 1), fixed)


def moved(
    clusters: Clusters, sums: tf.Tensor, mass: tf.Tensor, fixed: Any = None
) -> Clusters:
    """Moves clusters to means that are given as sums; drops empty ones.

    Args:
        clusters: the clusters.
        sums: float [tasks, slots, embedding], of points by their shares.
        mass: float [tasks, slots], sum of shares.
        fixed: bool [slots] of clusters that stay where they are, or None.

    Returns:
        The same slots.
    """
    mu = tf.math.divide_no_nan(sums, mass[..., None])
    if fixed is not None:
        mu = tf.where(fixed[None, :, None], clusters.mu, mu)
    label = tf.where(mass > LEAST_MASS, clusters.label, EMPTY)
    return Clusters(mu, label, clusters.log_sigma, mass)


def compacted(clusters: Clusters, count: Any = None) -> Clusters:
    """Moves empty slots to the end, in stable order, and drops them.

    Args:
        clusters: the clusters.
        count: slots to keep; None for those of the fullest task. It must
            not be less.

    Returns:
        The clusters; what empty slots that remain hold is 0.
    """
    empty = clusters.label == EMPTY
    order = tf.argsort(tf.cast(empty, tf.int32), axis=1, stable=True)
    if count is None:
        count = tf.reduce_max(num_clusters(clusters))
    kept = order[:, :count]
    moved = Clusters(*(tf.gather(v, kept, batch_dims=1) for v in clusters))
    full = moved.label != EMPTY
    return Clusters(
        mu=tf.where(full[..., None], moved.mu, 0.0),
        label=moved.label,
        log_sigma=tf.where(full, moved.log_sigma, 0.0),
        mass=tf.where(full, moved.mass, 0.0),
    )


def num_clusters(clusters: Clusters) -> tf.Tensor:
    """Number of clusters that are not empty, int32 [tasks]."""
    return tf.reduce_sum(tf.cast(clusters.label != EMPTY, tf.int32), 1)
