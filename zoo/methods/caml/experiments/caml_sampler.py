"""Episodes of which a share draws all its classes from one super-class."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.episode import Episode
from metazoo.data.sampler import EpisodeSampler
from metazoo.data.seeded_sampler import ABSENT
from metazoo.data.superclass_sampler import superclass_names

SHARE = 0.5


class FamilySampler(EpisodeSampler):
    """Half of the episodes take classes of one super-class, half of any.

    Each class is a label of its own. An episode of more ways than the
    smallest super-class has classes takes any.
    """

    def __init__(self, dataset: ClassDataset, **options: Any) -> None:
        """Checks the request and makes the data resident.

        Args:
            dataset: with class names such as `FAMILY/CLASS`.
            **options: as for `EpisodeSampler`.

        Raises:
            EpisodeError: a class names no super-class, or as for
                `EpisodeSampler`.
        """
        super().__init__(dataset, **options)
        names = superclass_names(dataset)
        known = list(dict.fromkeys(names))
        groups = np.array([known.index(name) for name in names])
        smallest = np.bincount(groups).min()
        self._share = SHARE if smallest >= self.num_ways else 0.0
        self._num_groups = len(known)
        with tf.device("CPU:0"):
            self._groups = tf.constant(groups, tf.int32)

    def identity(self) -> dict[str, Any]:
        """What two runs on the same episodes have in common, in JSON types."""
        return {**super().identity(), "kind": "family", "share": self._share}

    @property
    def _num_keys(self) -> int:
        return super()._num_keys + 2

    def _episodes(self, keys: tf.Tensor) -> Episode:
        """The last two keys say whether one super-class is drawn, and which."""
        keys, coin, which = tf.split(keys, [-1, 1, 1], axis=1)
        chosen = tf.cast(tf.floor(which * self._num_groups), tf.int32)
        others = (coin < self._share) & (self._groups[None] != chosen)
        first, last = 2, 2 + self.data.num_classes
        classes = tf.where(others, ABSENT, keys[:, first:last])
        keys = tf.concat([keys[:, :first], classes, keys[:, last:]], 1)
        return super()._episodes(keys)
