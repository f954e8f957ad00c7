"""From embedded points to the clusters of a task, in every mode."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from metazoo.methods.bande.bande_births import (
    labelled_births,
    threshold,
    unlabelled_births,
)
from metazoo.methods.bande.bande_clusters import (
    EMPTY,
    UNLABELED,
    Clusters,
    Points,
    class_means,
    compacted,
    detached,
    with_means,
    with_points,
)
from metazoo.methods.bande.bande_shares import (
    each_in_blocks,
    means_in_blocks,
    shares,
)

MODES = (
    "bande",
    "kmeans-refine",
    "kmeans-distractor",
    "soft-nn",
    "dp-means-hard",
)
# With this variance a log density is the negative squared distance.
_PLAIN = math.log(0.5)


@dataclass(frozen=True)
class Settings:
    """What decides how points become clusters.

    Attributes:
        mode: one of `MODES`.
        cluster_rule: as for `labelled_births`.
        num_cluster_steps: passes of births and means.
        compact: drop empty slots as soon as births are known, and take the
            points in blocks, so that memory is bounded by points and
            clusters apart, not by their product; without gradients, and
            without the static shapes that XLA needs.
    """

    mode: str
    cluster_rule: str
    num_cluster_steps: int
    compact: bool = False

    @property
    def hard(self) -> bool:
        """Whether the nearest cluster takes all of a point."""
        return self.mode == "dp-means-hard"


class Sigmas(NamedTuple):
    """Log variances of clusters, scalars.

    Attributes:
        labelled: of a class's clusters.
        unlabelled: of clusters of unlabelled points.
    """

    labelled: tf.Tensor
    unlabelled: tf.Tensor


class Inferred(NamedTuple):
    """What inference gives.

    Attributes:
        clusters: the clusters, with gradient through the points and sigmas.
        lam: float [tasks], the threshold.
        support_z: float [tasks, support, slots], of the last pass; None
            where points come in blocks.
        unlabelled_z: float [tasks, unlabelled, slots], or None.
    """

    clusters: Clusters
    lam: tf.Tensor
    support_z: tf.Tensor | None
    unlabelled_z: tf.Tensor | None


def infer(
    settings: Settings,
    support: Points,
    unlabelled: Points,
    num_ways: Any,
    sigmas: Sigmas,
    alpha: tf.Tensor,
) -> Inferred:
    """Finds the clusters of every task (steps 2 to 8).

    No gradient passes through the threshold, births or responsibilities.

    Args:
        settings: mode and rule.
        support: labelled points.
        unlabelled: unlabelled points, maybe none.
        num_ways: number of classes.
        sigmas: log variances.
        alpha: float [tasks], concentration.

    Returns:
        Clusters in `ways + steps * (support + unlabelled)` slots or fewer,
        not compacted.
    """
    if settings.mode == "soft-nn":
        return _every_point(support, unlabelled, sigmas)
    fixed_support, fixed_unlabelled = detached(support), detached(unlabelled)
    still = detached(sigmas)
    clusters = class_means(fixed_support, num_ways, still.labelled)
    lam = threshold(clusters, _sigma_of(still, unlabelled), alpha)
    clusters, origin = _with_origin(settings, clusters, still)
    h = tf.concat([support.h, unlabelled.h], 1)
    pairs = zip(fixed_support, fixed_unlabelled, strict=True)
    fixed_all = Points(*(tf.concat(pair, 1) for pair in pairs))
    z_support = z_unlabelled = None
    for _ in range(settings.num_cluster_steps):
        clusters = _opened(
            settings,
            detached(clusters),
            fixed_support,
            fixed_unlabelled,
            lam,
            still,
            num_ways,
        )
        fixed = _fixed(clusters, origin)
        if settings.compact:
            clusters = means_in_blocks(
                clusters, fixed_all, settings.hard, fixed
            )
            continue
        z = shares(fixed_all, clusters, settings.hard)
        clusters = with_means(clusters, h, z, fixed)
        count = tf.shape(support.y)[1]
        z_support, z_unlabelled = z[:, :count], z[:, count:]
    clusters = _with_sigmas(settings, clusters, sigmas)
    return Inferred(clusters, lam, z_support, z_unlabelled)


def unsupervised(
    points: Points, lam: tf.Tensor, num_passes: tf.Tensor, log_sigma: tf.Tensor
) -> tuple[Clusters, tf.Tensor]:
    """Clusters points without any label.

    One cluster at the first point; then passes of births, soft shares and
    means. All clusters have one variance: a narrower one would take the
    points of wider ones, however far they are.

    Args:
        points: the points; labels are not looked at.
        lam: float [tasks], the threshold.
        num_passes: int32 [tasks].
        log_sigma: log variance of every cluster, scalar.

    Returns:
        The compacted clusters, and the cluster of each point, int32
        [tasks, points]; -1 for padding.
    """
    points = detached(points._replace(y=tf.zeros_like(points.y) + UNLABELED))
    log_sigma = tf.stop_gradient(log_sigma)
    first = tf.argmax(tf.cast(points.mask, tf.int32), 1)
    some = tf.reduce_any(points.mask, 1, keepdims=True)
    start = Clusters(
        mu=tf.gather(points.h, first, batch_dims=1)[:, None],
        label=tf.where(some, UNLABELED, EMPTY),
        log_sigma=tf.zeros_like(lam)[:, None] + log_sigma,
        mass=tf.zeros_like(lam)[:, None],
    )
    choice = tf.zeros_like(points.y)

    def one_pass(i: Any, clusters: Clusters, choice: tf.Tensor) -> Any:
        goes_on = (i < num_passes)[:, None]
        born = unlabelled_births(clusters, points, lam, in_blocks=True)
        born &= goes_on
        clusters = with_points(clusters, points, born, log_sigma)
        clusters = compacted(clusters)
        moved = means_in_blocks(clusters, points, hard=False, fixed=None)
        best = _places(points, clusters, moved.label != EMPTY)
        kept = Clusters(
            mu=tf.where(goes_on[..., None], moved.mu, clusters.mu),
            label=tf.where(goes_on, moved.label, clusters.label),
            log_sigma=clusters.log_sigma,
            mass=tf.where(goes_on, moved.mass, clusters.mass),
        )
        return i + 1, compacted(kept), tf.where(goes_on, best, choice)

    size = points.h.shape[-1]
    slots = Clusters(
        tf.TensorShape([None, None, size]),
        *[tf.TensorShape([None, None])] * 3,
    )
    _, clusters, choice = tf.while_loop(
        lambda i, *_: i < tf.reduce_max(num_passes),
        one_pass,
        (tf.constant(0), start, choice),
        shape_invariants=(tf.TensorShape([]), slots, choice.shape),
        parallel_iterations=1,
    )
    return clusters, tf.where(points.mask, choice, UNLABELED)


def _places(points: Points, clusters: Clusters, left: tf.Tensor) -> tf.Tensor:
    """The best cluster of each point among those left, counted alone."""
    place = tf.cumsum(tf.cast(left, tf.int32), axis=1, exclusive=True)

    def places(block: Points) -> tf.Tensor:
        z = shares(block, clusters, hard=False)
        z = tf.where(left[:, None, :], z, -1.0)
        best = tf.argmax(z, -1, output_type=tf.int32)
        return tf.gather(place, best, batch_dims=1)

    return each_in_blocks(places, points, clusters, tf.int32)


def _every_point(
    support: Points, unlabelled: Points, sigmas: Sigmas
) -> Inferred:
    """Each support point is a cluster: the nearest-neighbour control."""
    mass = tf.cast(support.mask, support.h.dtype)
    clusters = Clusters(
        mu=support.h,
        label=tf.where(support.mask, support.y, EMPTY),
        log_sigma=tf.zeros_like(mass) + sigmas.labelled,
        mass=mass,
    )
    z = tf.linalg.diag(mass)
    nothing = tf.zeros_like(
        tf.matmul(unlabelled.h, support.h, transpose_b=True)
    )
    return Inferred(clusters, tf.zeros_like(mass[:, 0]), z, nothing)


def _sigma_of(sigmas: Sigmas, unlabelled: Points) -> tf.Tensor:
    """Variance in the threshold: of labelled clusters, or the mean of both."""
    some = tf.reduce_any(unlabelled.mask, 1)
    alone, other = tf.exp(sigmas.labelled), tf.exp(sigmas.unlabelled)
    return tf.where(some, 0.5 * (alone + other), alone)


def _with_origin(
    settings: Settings, clusters: Clusters, sigmas: Sigmas
) -> tuple[Clusters, Any]:
    """Adds the distractors' cluster at the origin; the slot it took."""
    if settings.mode != "kmeans-distractor":
        return clusters, None
    slot = tf.shape(clusters.label)[1]
    nothing = tf.zeros_like(clusters.mu[:, :1])
    label = tf.zeros_like(clusters.label[:, :1]) + UNLABELED
    at_origin = Points(nothing, label, label == UNLABELED)
    added = with_points(clusters, at_origin, at_origin.mask, sigmas.unlabelled)
    return added, slot


def _fixed(clusters: Clusters, origin: Any) -> Any:
    if origin is None:
        return None
    return tf.range(tf.shape(clusters.label)[1]) == origin


def _opened(
    settings: Settings,
    clusters: Clusters,
    support: Points,
    unlabelled: Points,
    lam: tf.Tensor,
    sigmas: Sigmas,
    num_ways: Any,
) -> Clusters:
    """Both passes of births (steps 4 and 6)."""
    if settings.mode not in ("bande", "dp-means-hard"):
        return clusters
    compact = settings.compact
    born = labelled_births(
        clusters, support, lam, settings.cluster_rule, num_ways, compact
    )
    clusters = with_points(clusters, support, born, sigmas.labelled)
    if compact:
        clusters = compacted(clusters)
    born = unlabelled_births(clusters, unlabelled, lam, compact)
    clusters = with_points(clusters, unlabelled, born, sigmas.unlabelled)
    return compacted(clusters) if compact else clusters


def _with_sigmas(
    settings: Settings, clusters: Clusters, sigmas: Sigmas
) -> Clusters:
    """Puts the variances back that carry a gradient."""
    if settings.mode == "dp-means-hard":
        log_sigma = tf.zeros_like(clusters.log_sigma) + _PLAIN
    else:
        log_sigma = tf.where(
            clusters.label == UNLABELED, sigmas.unlabelled, sigmas.labelled
        )
    return clusters._replace(log_sigma=log_sigma)
