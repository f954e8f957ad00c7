"""Episodes known by their number: what every stateless sampler shares."""

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
)

# Below all uniform keys: never among the largest.
ABSENT = -1.0


class SeededSampler:
    """Draws episodes; episode i of seed s is the same on every call.

    A subclass says how many uniform keys an episode takes (`_num_keys`) and
    makes episodes of them (`_episodes`).

    Attributes:
        data: where examples come from.
        seed: of all episodes.
    """

    def __init__(self, dataset: ClassDataset, seed: int = 0) -> None:
        """Makes the data resident.

        Args:
            dataset: where classes and examples come from.
            seed: of all episodes, an integer in [-2^63, 2^63).

        Raises:
            EpisodeError: the seed is out of range.
        """
        self.seed = as_integer("seed", seed)
        self.data = dataset
        with tf.device("CPU:0"):
            self._images = tf.constant(dataset.images)
            self._starts = tf.constant(dataset.class_offsets[:-1])
            self._absent = _absent_examples(dataset)

    @property
    def _num_keys(self) -> int:
        """Number of uniform keys that one episode is drawn from."""
        raise NotImplementedError

    def _episodes(self, keys: tf.Tensor) -> Episode:
        """Makes the episodes of some keys.

        Args:
            keys: float32 [tasks, keys], uniform in [0, 1).
        """
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """What two runs on the same episodes have in common, in JSON types."""
        return {
            "seed": self.seed,
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
            An `Episode` with support_x float32 [tasks, support, *features],
            query_x float32 [tasks, query, *features], or both string [tasks,
            examples] of a data set of texts; classes one after another.

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
            return self._episodes(self._uniform_keys(start, count))

    def _uniform_keys(self, start: tf.Tensor, count: int) -> tf.Tensor:
        """Draws [tasks, keys], each task's own.

        The loop is over these small draws only: a stateless draw takes one
        seed, and each episode needs its own.
        """
        length = self._num_keys

        def draw(number: tf.Tensor) -> tf.Tensor:
            seed = tf.stack([tf.constant(self.seed, tf.int64), number])
            return tf.random.stateless_uniform([length], seed, alg="philox")

        numbers = start + tf.range(count, dtype=tf.int64)
        keys = tf.map_fn(draw, numbers, fn_output_signature=tf.float32)
        return tf.ensure_shape(keys, [count, length])

    def _rows_of(
        self, classes: tf.Tensor, keys: tf.Tensor, each: int
    ) -> tf.Tensor:
        """Draws distinct examples of classes.

        Sorting i.i.d. uniform keys gives a uniform choice in uniform order.

        Args:
            classes: int [tasks, drawn classes].
            keys: float32 [tasks, drawn classes, largest class].
            each: examples of each class.

        Returns:
            Row numbers into images, int64 [tasks, drawn classes, each].
        """
        if self._absent is not None:
            keys = tf.where(tf.gather(self._absent, classes), ABSENT, keys)
        examples = tf.math.top_k(keys, each).indices
        first = tf.gather(self._starts, classes)
        return first[:, :, tf.newaxis] + tf.cast(examples, tf.int64)

    def _split(
        self, rows: tf.Tensor, labels: tf.Tensor, num_shots: int
    ) -> Episode:
        """Makes episodes of drawn rows, laid out class by class.

        Args:
            rows: int64 [tasks, drawn classes, shots + queries].
            labels: int64 [tasks, drawn classes].
            num_shots: how many rows of a class are support.
        """

        def part(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            count, drawn, each = rows.shape
            values = self._values(tf.reshape(rows, [count, drawn * each]))
            return values, tf.repeat(labels, each, axis=1)

        return Episode.without_padding(
            *part(rows[:, :, :num_shots]), *part(rows[:, :, num_shots:])
        )

    def _values(self, rows: tf.Tensor) -> tf.Tensor:
        """Raw values of rows [tasks, examples]: float32, or texts."""
        values = tf.gather(self._images, rows)
        return values if self.data.holds_texts else tf.cast(values, tf.float32)


def labels_in_order(num_tasks: int, num_ways: int) -> tf.Tensor:
    """Labels 0, 1, ... of the classes of each task, in the order drawn.

    Args:
        num_tasks: length of the tasks axis.
        num_ways: classes of a task.

    Returns:
        int64 [tasks, ways].
    """
    labels = tf.range(num_ways, dtype=tf.int64)
    return tf.tile(labels[tf.newaxis], [num_tasks, 1])


def _absent_examples(dataset: ClassDataset) -> tf.Tensor | None:
    """True [classes, largest class] where a class has no such example."""
    if dataset.min_examples == dataset.max_examples:
        return None
    place = np.arange(dataset.max_examples)
    return tf.constant(place >= dataset.class_sizes[:, np.newaxis])
