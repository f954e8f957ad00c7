"""Partitions to compare clusters with: random ones, and hyperplanes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metazoo.errors import DataError
from metazoo.methods.cactus.cactus_kmeans import without_small
from metazoo.methods.cactus.cactus_partitions import DROPPED

NUM_PLANES = 1000
_SIDE_FACTOR = 10
_OFFSET = 0.8
_MAX_TRIES = 200


@dataclass(frozen=True)
class PlaneSettings:
    """How hyperplanes divide embeddings.

    Attributes:
        num_ways: zones that a partition must have (N).
        min_size: members that a zone must have to be kept (R).
        margin: points nearer to any plane are left out.
        through_origin: all planes pass the origin, for whitened embeddings.
        seed: of all draws.
    """

    num_ways: int
    min_size: int
    margin: float = 0.0
    through_origin: bool = False
    seed: int = 0


def random_partition(
    num_examples: int, num_clusters: int, min_size: int, number: int, seed: int
) -> np.ndarray:
    """Labels drawn independently of everything.

    Args:
        num_examples: n.
        num_clusters: labels.
        min_size: members that a label must have to be kept.
        number: of the partition.
        seed: of all draws.

    Returns:
        int32 [examples], -1 where dropped.
    """
    rng = np.random.default_rng([seed, number])
    groups = rng.integers(num_clusters, size=num_examples).astype(np.int32)
    return without_small(groups, min_size)


class Hyperplanes:
    """A thousand random planes that leave enough points on both sides."""

    def __init__(self, z: np.ndarray, settings: PlaneSettings) -> None:
        """Draws the planes.

        Args:
            z: float32 [examples, size].
            settings: how.

        Raises:
            DataError: no plane leaves ten times `min_size` points on each
                side.
        """
        self._settings = settings
        rng = np.random.default_rng([settings.seed, 0])
        size = z.shape[1]
        normals = rng.uniform(-1, 1, (NUM_PLANES, size))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        points = rng.uniform(-_OFFSET, _OFFSET, (NUM_PLANES, size))
        offsets = (normals * points).sum(1)
        if settings.through_origin:
            offsets = np.zeros(NUM_PLANES)
        distances = z @ normals.T.astype(np.float32)
        distances -= offsets.astype(np.float32)
        above = (distances > settings.margin).sum(0)
        below = (distances < -settings.margin).sum(0)
        least = _SIDE_FACTOR * settings.min_size
        good = np.minimum(above, below) >= least
        if good.sum() < self.planes_each:
            raise DataError(
                f"only {int(good.sum())} of {NUM_PLANES} hyperplanes leave "
                f"{least} points farther than margin={settings.margin} on "
                "both sides; use a smaller margin, or scale the embeddings."
            )
        self._distances = distances[:, good]

    @property
    def planes_each(self) -> int:
        """Planes of a partition."""
        return math.ceil(math.log2(self._settings.num_ways))

    def partition(self, number: int) -> np.ndarray:
        """Zones between some of the planes.

        Args:
            number: of the partition.

        Returns:
            int32 [examples], -1 where dropped.

        Raises:
            DataError: no choice of planes leaves enough zones.
        """
        settings = self._settings
        rng = np.random.default_rng([settings.seed, 1, number])
        count = self._distances.shape[1]
        for _ in range(_MAX_TRIES):
            chosen = rng.choice(count, self.planes_each, replace=False)
            zones = self._zones(self._distances[:, chosen])
            if len(np.unique(zones[zones >= 0])) >= settings.num_ways:
                return zones
        raise DataError(
            f"{_MAX_TRIES} choices of {self.planes_each} hyperplanes gave "
            f"fewer than num_ways={settings.num_ways} zones of "
            f"{settings.min_size} points; use a smaller margin."
        )

    def _zones(self, distances: np.ndarray) -> np.ndarray:
        near = (np.abs(distances) < self._settings.margin).any(1)
        places = (distances > 0) @ (1 << np.arange(distances.shape[1]))
        zones = np.where(near, places.max() + 1, places).astype(np.int32)
        kept = without_small(zones, self._settings.min_size)
        return np.where(near, DROPPED, kept).astype(np.int32)
