"""Draws few-shot episodes from a data set, each known by its number."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.episode import Episode
from metazoo.data.sampler_checks import (
    as_positive,
    as_range,
    check_enough_classes,
    check_enough_examples,
    check_several_ways,
)
from metazoo.data.seeded_sampler import SeededSampler, labels_in_order


class EpisodeSampler(SeededSampler):
    """Draws episodes; episode i of seed s is the same on every call.

    An episode depends on the data set, the sampler's arguments and the pair
    (seed, i) alone: not on how episodes are grouped, nor on what was drawn
    before. The draw is uniform: ways distinct classes in random order, then
    distinct examples of each, the first as support, the next as queries.
    Support and query are laid out class by class.

    Where `num_ways` or `num_shots` is a range, each episode draws its own
    from that range; the shapes are those of the upper ends, and the rest is
    padding: mask False, label 0, values 0.

    Don't call it inside a function compiled with XLA, whose random numbers
    differ for the same seed.
    """

    def __init__(
        self,
        dataset: ClassDataset,
        *,
        num_ways: int | tuple[int, int],
        num_shots: int | tuple[int, int],
        num_queries: int,
        seed: int = 0,
    ) -> None:
        """Checks the request against the data and makes the data resident.

        Args:
            dataset: where classes and examples come from.
            num_ways: classes an episode, or an inclusive range (low, high).
            num_shots: support examples a class, or an inclusive range.
            num_queries: query examples a class.
            seed: of all episodes, an integer in [-2^63, 2^63).

        Raises:
            EpisodeError: a number is not positive, an episode may have one
                class only, or the data set has too few classes or examples.
        """
        self.ways_range = as_range("num_ways", num_ways)
        check_several_ways(self.ways_range[0])
        self.shots_range = as_range("num_shots", num_shots)
        self.num_queries = as_positive("num_queries", num_queries)
        check_enough_classes(dataset, self.num_ways)
        check_enough_examples(dataset, self.num_shots, self.num_queries)
        super().__init__(dataset, seed)

    @property
    def num_ways(self) -> int:
        """Classes an episode; the upper end where a range was given."""
        return self.ways_range[1]

    @property
    def num_shots(self) -> int:
        """Support examples a class; the upper end of a range."""
        return self.shots_range[1]

    @property
    def is_ragged(self) -> bool:
        """Whether ways or shots vary from episode to episode."""
        ranges = (self.ways_range, self.shots_range)
        return any(low < high for low, high in ranges)

    def with_data(self, dataset: ClassDataset) -> EpisodeSampler:
        """The same request of another data set.

        Args:
            dataset: where classes and examples come from.
        """
        return EpisodeSampler(
            dataset,
            num_ways=self.ways_range,
            num_shots=self.shots_range,
            num_queries=self.num_queries,
            seed=self.seed,
        )

    def identity(self) -> dict[str, Any]:
        """What two runs on the same episodes have in common, in JSON types."""
        return {
            **super().identity(),
            "kind": "sampler",
            "num_ways": list(self.ways_range),
            "num_shots": list(self.shots_range),
            "num_queries": self.num_queries,
        }

    @property
    def _num_keys(self) -> int:
        ways, largest = self.num_ways, self.data.max_examples
        return 2 + self.data.num_classes + ways * largest

    def _episodes(self, keys: tf.Tensor) -> Episode:
        """Uses [tasks, 2 + classes + ways * largest class] keys."""
        labels = labels_in_order(keys.shape[0], self.num_ways)
        episode = self._split(self._draw_rows(keys), labels, self.num_shots)
        if self.is_ragged:
            episode = self._masked(episode, keys[:, :2])
        return episode

    def _draw_rows(self, keys: tf.Tensor) -> tf.Tensor:
        """Returns row numbers into images, [tasks, ways, shots + queries].

        Sorting i.i.d. uniform keys gives a uniform choice in uniform order.
        """
        num_classes, largest = self.data.num_classes, self.data.max_examples
        class_keys = keys[:, 2 : 2 + num_classes]
        classes = tf.math.top_k(class_keys, self.num_ways).indices
        example_keys = tf.reshape(
            keys[:, 2 + num_classes :], [-1, self.num_ways, largest]
        )
        each = self.num_shots + self.num_queries
        return self._rows_of(classes, example_keys, each)

    def _masked(self, episode: Episode, keys: tf.Tensor) -> Episode:
        """Turns what lies beyond each task's own ways and shots to padding."""
        ways = _draw_from_range(keys[:, 0], self.ways_range)
        shots = _draw_from_range(keys[:, 1], self.shots_range)
        place = tf.range(self.num_ways * self.num_shots) % self.num_shots
        support_mask = (episode.support_y < ways) & (
            tf.cast(place, tf.int64) < shots
        )
        query_mask = episode.query_y < ways
        return Episode(
            support_x=_zero_where_not(support_mask, episode.support_x),
            support_y=_zero_where_not(support_mask, episode.support_y),
            query_x=_zero_where_not(query_mask, episode.query_x),
            query_y=_zero_where_not(query_mask, episode.query_y),
            support_mask=support_mask,
            query_mask=query_mask,
        )


def _draw_from_range(keys: tf.Tensor, bounds: tuple[int, int]) -> tf.Tensor:
    """Maps uniform [tasks] keys in [0, 1) to integers [tasks, 1]."""
    low, high = bounds
    span = tf.cast(high - low + 1, tf.float32)
    drawn = tf.cast(tf.floor(keys * span), tf.int64) + low
    return tf.minimum(drawn, high)[:, tf.newaxis]


def _zero_where_not(mask: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    axes = [1] * (len(values.shape) - len(mask.shape))
    wide = tf.reshape(mask, [*mask.shape, *axes])
    return tf.where(wide, values, tf.zeros([], values.dtype))
