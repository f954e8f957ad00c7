"""Plain batches of all training classes beside the episodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.episode import Episode
from metazoo.data.sampler import EpisodeSampler
from metazoo.data.sampler_checks import as_positive


class MultitaskSampler(EpisodeSampler):
    """Episodes that carry some examples of any training class.

    They stand behind the queries, with the number of their class in the data
    set for a label, and are masked: a learner that does not know of them
    takes them for padding.
    """

    def __init__(
        self, dataset: ClassDataset, *, num_examples: int, **options: Any
    ) -> None:
        """Checks the request and makes the data resident.

        Args:
            dataset: where classes and examples come from.
            num_examples: plain examples of each episode.
            **options: as for `EpisodeSampler`.

        Raises:
            EpisodeError: a number is not positive, or as for
                `EpisodeSampler`.
        """
        super().__init__(dataset, **options)
        self.num_examples = as_positive("num_examples", num_examples)
        sizes = np.diff(dataset.class_offsets)
        classes = np.repeat(np.arange(len(sizes)), sizes)
        with tf.device("CPU:0"):
            self._class_of = tf.constant(classes, tf.int64)

    def identity(self) -> dict[str, Any]:
        """What two runs on the same episodes have in common, in JSON types."""
        return {
            **super().identity(),
            "kind": "multitask",
            "num_examples": self.num_examples,
        }

    @property
    def _num_keys(self) -> int:
        return super()._num_keys + self.num_examples

    def _episodes(self, keys: tf.Tensor) -> Episode:
        keys, drawn = tf.split(keys, [-1, self.num_examples], axis=1)
        episode = super()._episodes(keys)
        total = self._class_of.shape[0]
        rows = tf.cast(tf.floor(drawn * float(total)), tf.int64)
        rows = tf.minimum(rows, total - 1)
        y = tf.gather(self._class_of, rows)
        return episode._replace(
            query_x=tf.concat([episode.query_x, self._values(rows)], 1),
            query_y=tf.concat([episode.query_y, y], 1),
            query_mask=tf.concat(
                [episode.query_mask, tf.zeros_like(y, tf.bool)], 1
            ),
        )


def split_plain(episode: Episode, count: int) -> tuple[Episode, Any, Any]:
    """Takes the plain examples of episodes of `MultitaskSampler` apart.

    Args:
        episode: some tasks.
        count: plain examples of each.

    Returns:
        The episode, its plain examples without their labels; the examples
        [tasks, count, ...], and their classes int64 [tasks, count].
    """
    labels = tf.where(episode.query_mask, episode.query_y, 0)
    x, y = episode.query_x[:, -count:], episode.query_y[:, -count:]
    return episode._replace(query_y=labels), x, y
