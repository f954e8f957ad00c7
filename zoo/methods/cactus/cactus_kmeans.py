"""Partitions by k-means on randomly scaled embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metazoo.errors import DataError
from metazoo.methods.cactus.cactus_clusters import k_means
from metazoo.methods.cactus.cactus_partitions import DROPPED

MAX_TRIES = 10
LARGE_SHARE = 0.75
_STARTS_ALONE = 10


@dataclass(frozen=True)
class KMeansSettings:
    """How embeddings are grouped.

    Attributes:
        num_clusters: k.
        num_partitions: P; the first is of the embeddings as they are.
        min_size: members that a cluster must have to be kept (R).
        clusterer: "kmeans" or "minibatch".
        seed: of scales and starts.
    """

    num_clusters: int
    num_partitions: int
    min_size: int
    clusterer: str = "kmeans"
    seed: int = 0


def scales_of(number: int, size: int, seed: int) -> np.ndarray:
    """Factors of the dimensions in one partition.

    Args:
        number: of the partition; number 0 is not scaled.
        size: dimensions.
        seed: of all draws.

    Returns:
        float32 [size], uniform in [0, 1).
    """
    if number == 0:
        return np.ones(size, np.float32)
    rng = np.random.default_rng([seed, number])
    return rng.uniform(size=size).astype(np.float32)


def kmeans_partition(
    z: np.ndarray, number: int, settings: KMeansSettings
) -> tuple[np.ndarray, np.ndarray]:
    """One partition (Hsu et al. 2019, section 2.2).

    The start is redrawn until more than three quarters of the clusters have
    more than `min_size` members; then those with fewer are dropped.

    Args:
        z: float32 [examples, size].
        number: of the partition.
        settings: how.

    Returns:
        int32 [examples], -1 where dropped, and the factors used.

    Raises:
        DataError: ten starts gave too few clusters of that size.
    """
    scales = scales_of(number, z.shape[1], settings.seed)
    scaled = z * scales
    starts = _STARTS_ALONE if settings.num_partitions == 1 else 1
    large = 0
    for attempt in range(MAX_TRIES):
        groups, _ = k_means(
            scaled,
            settings.num_clusters,
            start_seed(settings.seed, number, attempt),
            settings.clusterer,
            starts,
        )
        sizes = np.bincount(groups, minlength=settings.num_clusters)
        large = int((sizes > settings.min_size).sum())
        if large > LARGE_SHARE * settings.num_clusters:
            return without_small(groups, settings.min_size), scales
    raise DataError(
        f"{MAX_TRIES} starts of k-means gave at most {large} clusters of more "
        f"than {settings.min_size} members, of num_clusters="
        f"{settings.num_clusters}; more than {LARGE_SHARE:.0%} must be. Ask "
        "for fewer clusters, or look at the embeddings: they may have "
        "collapsed."
    )


def start_seed(seed: int, number: int, attempt: int) -> int:
    """Seed of one start; those of partition 0 are `seed`, `seed` + 1, ...

    Args:
        seed: of all draws.
        number: of the partition.
        attempt: which try.
    """
    if number == 0:
        return (seed + attempt) % 2**32
    rng = np.random.default_rng([seed, number, attempt])
    return int(rng.integers(2**32, dtype=np.uint32))


def without_small(groups: np.ndarray, min_size: int) -> np.ndarray:
    """Marks members of small clusters as dropped.

    Args:
        groups: int32 [examples], 0 or more.
        min_size: members that a cluster must have to be kept.
    """
    sizes = np.bincount(groups)
    return np.where(sizes[groups] < min_size, DROPPED, groups).astype(np.int32)
