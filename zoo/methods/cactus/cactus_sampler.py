"""Tasks from partitions: clusters for classes, raw images for examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.episode import Episode
from metazoo.data.sampler_checks import as_positive, check_several_ways
from metazoo.data.seeded_sampler import ABSENT, SeededSampler, labels_in_order
from metazoo.errors import EpisodeError
from metazoo.methods.cactus.cactus_partitions import Partitions, hash_of


class PartitionSampler(SeededSampler):
    """Draws tasks of clusters; task i of seed s is the same on every call.

    A partition is drawn, then distinct clusters of it (whatever their
    sizes) in random order, then distinct images of each, the first as
    support (Hsu et al. 2019, algorithm 2).
    """

    def __init__(
        self,
        dataset: ClassDataset,
        partitions: Partitions,
        *,
        num_ways: int,
        num_shots: int,
        num_queries: int,
        seed: int = 0,
    ) -> None:
        """Checks the request and makes the data resident.

        Args:
            dataset: unlabelled images that the partitions are of.
            partitions: labellings of them.
            num_ways: clusters of a task.
            num_shots: support images of a cluster.
            num_queries: query images of a cluster.
            seed: of all tasks.

        Raises:
            DataError: the partitions are of other images.
            EpisodeError: a partition has too few clusters, or its clusters
                too few images.
        """
        self.num_ways = as_positive("num_ways", num_ways)
        check_several_ways(self.num_ways)
        self.num_shots = as_positive("num_shots", num_shots)
        self.num_queries = as_positive("num_queries", num_queries)
        partitions.check_images(dataset)
        if self.num_shots + self.num_queries > partitions.min_size:
            raise EpisodeError(
                f"num_shots={num_shots} + num_queries={num_queries} is more "
                f"than the {partitions.min_size} images that every cluster "
                "is known to have."
            )
        fewest = int(partitions.num_clusters.min())
        if self.num_ways > fewest:
            raise EpisodeError(
                f"num_ways={num_ways} is more than the {fewest} clusters of "
                "a partition; with one cluster there is nothing to tell "
                "apart."
            )
        super().__init__(dataset, seed)
        self._partitions_hash = hash_of(partitions.cluster_id)
        self._place(partitions.cluster_id)

    def _place(self, cluster_id: np.ndarray) -> None:
        """Lays the members of each cluster side by side."""
        most = int(cluster_id.max()) + 1
        sizes = np.stack(
            [np.bincount(i[i >= 0], minlength=most) for i in cluster_id]
        )
        dropped = (cluster_id < 0).sum(1, keepdims=True)
        firsts = dropped + np.cumsum(sizes, 1) - sizes
        order = np.argsort(cluster_id, axis=1, kind="stable")
        with tf.device("CPU:0"):
            self._members = tf.constant(order, tf.int32)
            self._sizes = tf.constant(sizes, tf.int32)
            self._firsts = tf.constant(firsts, tf.int32)

    def identity(self) -> dict[str, Any]:
        """What two runs on the same tasks have in common, in JSON types."""
        return {
            **super().identity(),
            "kind": "partitions",
            "partitions": self._partitions_hash,
            "num_ways": self.num_ways,
            "num_shots": self.num_shots,
            "num_queries": self.num_queries,
        }

    @property
    def _each(self) -> int:
        return self.num_shots + self.num_queries

    @property
    def _num_keys(self) -> int:
        return 1 + self._sizes.shape[1] + self.num_ways * self._each

    def _episodes(self, keys: tf.Tensor) -> Episode:
        """Uses [tasks, 1 + clusters + ways * images of each] keys."""
        count, most = keys.shape[0], self._sizes.shape[1]
        chosen = whole_numbers(keys[:, 0], self._sizes.shape[0])
        sizes = tf.gather(self._sizes, chosen)
        class_keys = tf.where(sizes > 0, keys[:, 1 : 1 + most], ABSENT)
        clusters = tf.math.top_k(class_keys, self.num_ways).indices
        sizes = tf.gather(sizes, clusters, batch_dims=1)
        firsts = tf.gather(self._firsts, chosen)
        firsts = tf.gather(firsts, clusters, batch_dims=1)
        draws = tf.reshape(
            keys[:, 1 + most :], [count, self.num_ways, self._each]
        )
        places = firsts[..., None] + distinct_places(draws, sizes)
        rows = tf.gather_nd(
            self._members,
            tf.stack(
                [
                    tf.broadcast_to(chosen[:, None, None], places.shape),
                    places,
                ],
                -1,
            ),
        )
        labels = labels_in_order(count, self.num_ways)
        return self._split(tf.cast(rows, tf.int64), labels, self.num_shots)


def whole_numbers(draws: tf.Tensor, limit: Any) -> tf.Tensor:
    """Uniform integers in [0, limit) from uniform numbers in [0, 1).

    Args:
        draws: float32.
        limit: int32, of a shape that fits.
    """
    limit = tf.cast(limit, tf.int32)
    found = tf.floor(draws * tf.cast(limit, tf.float32))
    return tf.minimum(tf.cast(found, tf.int32), limit - 1)


def distinct_places(draws: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
    """Draws without replacement, uniformly and in uniform order.

    The i-th draw chooses among the size - i places that are left; its
    number among them becomes a place by stepping over those taken before,
    from the lowest up.

    Args:
        draws: float32 [..., count], uniform in [0, 1).
        sizes: int32 [...], each at least count.

    Returns:
        int32 [..., count] in [0, size).
    """
    found: list[tf.Tensor] = []
    for i in range(draws.shape[-1]):
        place = whole_numbers(draws[..., i], sizes - i)
        if found:
            for taken in tf.unstack(tf.sort(tf.stack(found, -1)), axis=-1):
                place += tf.cast(place >= taken, tf.int32)
        found.append(place)
    return tf.stack(found, -1)
