"""Draws few-shot episodes from a data set, each known by its number."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.episode import Episode
from metazoo.data.sampler_checks import (
    as_episode_number,
    as_integer,
    as_positive,
    as_range,
    check_enough_classes,
    check_enough_examples,
)

_ABSENT = -1.0


class EpisodeSampler:
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
            EpisodeError: a number is not positive, or the data set has too
                few classes or examples.
        """
        self.ways_range = as_range("num_ways", num_ways)
        self.shots_range = as_range("num_shots", num_shots)
        self.num_queries = as_positive("num_queries", num_queries)
        self.seed = as_integer("seed", seed)
        self.data = dataset
        check_enough_classes(dataset, self.num_ways)
        check_enough_examples(dataset, self.num_shots, self.num_queries)
        with tf.device("CPU:0"):
            self._images = tf.constant(dataset.images)
            self._starts = tf.constant(dataset.class_offsets[:-1])
            self._absent = _absent_examples(dataset)

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

    def identity(self) -> dict[str, Any]:
        """What two runs on the same episodes have in common, in JSON types."""
        return {
            "kind": "sampler",
            "seed": self.seed,
            "num_ways": list(self.ways_range),
            "num_shots": list(self.shots_range),
            "num_queries": self.num_queries,
            "dataset": self.data.name,
            "split": self.data.split,
            "fingerprint": self.data.fingerprint,
        }

    def tasks(self, start: Any, count: int) -> Episode:
        """Returns the episodes number start to start + count - 1.

        Args:
            start: number of the first episode, an int or int64 scalar, at
                least 0.
            count: how many, a positive int; the length of the tasks axis.

        Returns:
            An `Episode` with support_x float32 [tasks, ways * shots,
            *features], query_x float32 [tasks, ways * queries, *features].

        Raises:
            EpisodeError: `count` or a Python `start` is out of range.
        """
        count = as_positive("count", count)
        if not tf.is_tensor(start):
            start = as_episode_number("start", start)
        return self._compiled(tf.cast(start, tf.int64), count)

    def dataset(
        self, num_tasks: int, start: int = 0, num_batches: int | None = None
    ) -> tf.data.Dataset:
        """Returns a pipeline of `Episode`s of `num_tasks` tasks each.

        Element b holds the episodes number start + b * num_tasks onwards.

        Args:
            num_tasks: length of the tasks axis of each element.
            start: number of the first episode.
            num_batches: how many elements; None never ends.

        Returns:
            A prefetching, deterministic `tf.data.Dataset`.

        Raises:
            EpisodeError: a number is out of range.
        """
        num_tasks = as_positive("num_tasks", num_tasks)
        start = as_episode_number("start", start)
        numbers = tf.data.Dataset.counter(start, num_tasks)
        if num_batches is not None:
            numbers = numbers.take(as_positive("num_batches", num_batches))
        episodes = numbers.map(
            functools.partial(self.tasks, count=num_tasks),
            num_parallel_calls=2,
            deterministic=True,
        )
        return episodes.prefetch(2)

    def keras_dataset(
        self, num_tasks: int, start: int = 0, steps: int | None = None
    ) -> tf.data.Dataset:
        """Returns the pipeline in the form `keras.Model.fit` takes.

        With `steps=None` it never ends: pass `steps_per_epoch` to `fit`, and
        every epoch sees new episodes. With `steps` given, every epoch sees
        the same ones, which is what validation wants.

        Args:
            num_tasks: length of the tasks axis of each element.
            start: number of the first episode.
            steps: how many elements; None never ends.

        Returns:
            A `tf.data.Dataset` of (inputs, query_y, query_mask).

        Raises:
            EpisodeError: a number is out of range.
        """
        episodes = self.dataset(num_tasks, start, steps)
        return episodes.map(lambda episode: episode.to_keras())

    @functools.cached_property
    def _compiled(self) -> Any:
        return tf.function(self._tasks, jit_compile=False, autograph=False)

    def _tasks(self, start: tf.Tensor, count: int) -> Episode:
        with tf.device("CPU:0"):
            keys = self._uniform_keys(start, count)
            rows = self._draw_rows(keys)
            episode = self._gather(rows)
            if self.is_ragged:
                episode = self._masked(episode, keys[:, :2])
        return episode

    def _uniform_keys(self, start: tf.Tensor, count: int) -> tf.Tensor:
        """Draws [tasks, 2 + classes + ways * largest class], each task's own.

        The loop is over these small draws only: a stateless draw takes one
        seed, and each episode needs its own.
        """
        length = (
            2 + self.data.num_classes + self.num_ways * self.data.max_examples
        )

        def draw(number: tf.Tensor) -> tf.Tensor:
            seed = tf.stack([tf.constant(self.seed, tf.int64), number])
            return tf.random.stateless_uniform([length], seed, alg="philox")

        numbers = start + tf.range(count, dtype=tf.int64)
        keys = tf.map_fn(draw, numbers, fn_output_signature=tf.float32)
        return tf.ensure_shape(keys, [count, length])

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
        if self._absent is not None:
            absent = tf.gather(self._absent, classes)
            example_keys = tf.where(absent, _ABSENT, example_keys)
        each = self.num_shots + self.num_queries
        examples = tf.math.top_k(example_keys, each).indices
        first = tf.gather(self._starts, classes)
        return first[:, :, tf.newaxis] + tf.cast(examples, tf.int64)

    def _gather(self, rows: tf.Tensor) -> Episode:
        support_rows = rows[:, :, : self.num_shots]
        query_rows = rows[:, :, self.num_shots :]
        support_x, support_y = self._examples(support_rows)
        query_x, query_y = self._examples(query_rows)
        return Episode(
            support_x=support_x,
            support_y=support_y,
            query_x=query_x,
            query_y=query_y,
            support_mask=tf.ones_like(support_y, tf.bool),
            query_mask=tf.ones_like(query_y, tf.bool),
        )

    def _examples(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        count, ways, each = rows.shape
        flat = tf.reshape(rows, [count, ways * each])
        labels = tf.repeat(tf.range(ways, dtype=tf.int64), each)
        values = tf.cast(tf.gather(self._images, flat), tf.float32)
        return values, tf.tile(labels[tf.newaxis], [count, 1])

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


def _absent_examples(dataset: ClassDataset) -> tf.Tensor | None:
    """True [classes, largest class] where a class has no such example."""
    if dataset.min_examples == dataset.max_examples:
        return None
    place = np.arange(dataset.max_examples)
    return tf.constant(place >= dataset.class_sizes[:, np.newaxis])
