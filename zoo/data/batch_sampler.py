"""Labelled batches in the form of tasks, for whatever runs on episodes."""

from __future__ import annotations

import abc
from typing import Any

import tensorflow as tf

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.episode import Episode
from metazoo.data.sampler_checks import as_positive
from metazoo.data.seeded_sampler import SeededSampler


class BatchSampler(SeededSampler):
    """A batch is a task without support, its examples the queries.

    A sampler implements `_batch`; batch i of seed s is the same on every
    call.

    Attributes:
        data: where examples come from.
        seed: of all batches.
        num_examples: examples of a batch.
    """

    def __init__(
        self, dataset: ClassDataset, num_examples: int, seed: int
    ) -> None:
        """Makes the data resident.

        Args:
            dataset: where examples come from.
            num_examples: examples of a batch.
            seed: an integer in [-2^63, 2^63).

        Raises:
            EpisodeError: a number is out of range.
        """
        super().__init__(dataset, seed)
        self.num_examples = as_positive("num_examples", num_examples)

    def identity(self) -> dict[str, Any]:
        """What two runs on the same batches have in common, in JSON types."""
        return {**super().identity(), "num_examples": self.num_examples}

    @abc.abstractmethod
    def _batch(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Float32 [num_examples, *features], int64 [num_examples]."""

    def _tasks(self, start: tf.Tensor, count: int) -> Episode:
        parts = [self._batch(start + i) for i in range(count)]
        return Episode.without_padding(
            support_x=tf.zeros([count, 0, *self.data.image_shape]),
            support_y=tf.zeros([count, 0], tf.int64),
            query_x=tf.stack([x for x, _ in parts]),
            query_y=tf.stack([y for _, y in parts]),
        )
