"""Partitions of unlabelled data: what they are, and their file."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.files import open_npz
from metazoo.errors import DataError
from metazoo.whole_files import replacing

FILE = "partitions.npz"
DROPPED = -1
_FIELDS = ("cluster_id", "weights", "seed", "min_size", "z_hash", "images_hash")


@dataclass(frozen=True, eq=False)
class Partitions:
    """Several labellings of the same examples.

    Attributes:
        cluster_id: int32 [partitions, examples]; -1 where the example's
            cluster was too small to keep.
        weights: float32 [partitions, size]: factors of the dimensions of z
            before clustering; size 0 where nothing was scaled.
        min_size: members that every kept cluster has at least.
        seed: of all draws.
        z_hash: sha256 of the embeddings that were clustered; empty if none
            were.
        images_hash: fingerprint of the examples.
    """

    cluster_id: np.ndarray
    weights: np.ndarray
    min_size: int
    seed: int
    z_hash: str
    images_hash: str

    def __post_init__(self) -> None:
        """Refuses what is no set of partitions.

        Raises:
            DataError: a shape or dtype is wrong, or a cluster too small.
        """
        ids = self.cluster_id
        if ids.ndim != 2 or ids.dtype != np.int32 or not ids.size:
            raise DataError(
                "cluster_id must be int32 [partitions, examples], neither of "
                f"them 0; got {ids.dtype} of shape {ids.shape}."
            )
        if self.weights.ndim != 2 or len(self.weights) != len(ids):
            raise DataError(
                f"weights has shape {self.weights.shape}; expected "
                f"[{len(ids)}, size]."
            )
        for number, one in enumerate(ids):
            sizes = np.bincount(one[one >= 0], minlength=1)
            if (one < DROPPED).any() or (
                sizes[sizes > 0] < self.min_size
            ).any():
                raise DataError(
                    f"partition {number} has a cluster of fewer than "
                    f"{self.min_size} members, or a number below -1."
                )

    @property
    def num_clusters(self) -> np.ndarray:
        """Kept clusters of each partition, int64 [partitions]."""
        return np.array([len(np.unique(i[i >= 0])) for i in self.cluster_id])

    def check_images(self, dataset: ClassDataset) -> None:
        """Refuses examples that these partitions are not of.

        Args:
            dataset: unlabelled examples.

        Raises:
            DataError: they are other examples, or in another order.
        """
        if dataset.fingerprint != self.images_hash:
            raise DataError(
                f"the partitions are of other examples than {dataset.name!r} "
                f"({dataset.split}) holds, or of another order: fingerprints "
                f"{self.images_hash[:12]} and {dataset.fingerprint[:12]}."
            )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes `partitions.npz`, whole or not at all.

        Args:
            folder: where; it exists.

        Returns:
            The file.
        """
        path = Path(folder) / FILE
        with replacing(path) as temporary:
            values: dict[str, Any] = {
                name: np.asarray(getattr(self, name)) for name in _FIELDS
            }
            np.savez_compressed(temporary, **values)
        return path


def load_partitions(folder: str | os.PathLike[str]) -> Partitions:
    """Reads what `Partitions.save` wrote.

    Args:
        folder: that holds `partitions.npz`, or the file itself.

    Raises:
        DataError: the file is missing or damaged.
    """
    path = Path(folder)
    path = path / FILE if path.is_dir() else path
    with open_npz(path, _FIELDS) as stored:
        return Partitions(
            cluster_id=stored["cluster_id"],
            weights=stored["weights"],
            min_size=int(stored["min_size"]),
            seed=int(stored["seed"]),
            z_hash=str(stored["z_hash"]),
            images_hash=str(stored["images_hash"]),
        )


def hash_of(z: np.ndarray) -> str:
    """Hex sha256 of an array's dtype, shape and bytes.

    Args:
        z: any array of numbers.
    """
    digest = hashlib.sha256(repr((z.dtype.str, z.shape)).encode())
    digest.update(np.ascontiguousarray(z).data)
    return digest.hexdigest()
