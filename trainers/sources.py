"""Where a training loop's episodes come from, whatever the strategy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.errors import TrainingError


class EpisodeSource(Protocol):
    """Gives every replica its share of the tasks of each step."""

    def pipeline(
        self,
        num_tasks: int,
        start: int,
        steps: int,
        context: tf.distribute.InputContext,
    ) -> tf.data.Dataset:
        """Returns what one worker reads.

        Args:
            num_tasks: tasks of a step, over all replicas.
            start: first step.
            steps: number of steps.
            context: which worker this is, and how many replicas there are.

        Returns:
            Episodes of `num_tasks / replicas` tasks in their Keras form
            (strategies can't split an absent part); the replicas of the
            worker take one each, in turn.
        """

    def identity(self) -> dict[str, Any]:
        """What a resumed run must have in common with the first."""


@runtime_checkable
class NumberedTasks(Protocol):
    """Tasks that are known by their number, as an `EpisodeSampler`'s."""

    def tasks(self, start: Any, count: int) -> Episode:
        """Returns the tasks number start to start + count - 1."""

    def identity(self) -> dict[str, Any]:
        """What two runs on the same tasks have in common, in JSON types."""


def as_source(source: Any) -> EpisodeSource:
    """Wraps what a user passes.

    Args:
        source: an `EpisodeSampler` or what else numbers its tasks, a
            `tf.data.Dataset` of episodes, or a function without arguments
            that returns a `tf.data.Dataset` or an iterable of `Episode`s.

    Returns:
        The source.

    Raises:
        TrainingError: it is none of these.
    """
    if isinstance(source, NumberedTasks):
        return SamplerSource(source)
    if isinstance(source, tf.data.Dataset):
        return StreamSource(lambda: source)
    if callable(source):
        return StreamSource(source)
    raise TrainingError(
        "source must be an EpisodeSampler, a tf.data.Dataset of episodes, or "
        "a function that returns one or an iterable of Episodes; got "
        f"{type(source).__name__}."
    )


class SamplerSource:
    """Episodes by number: step s has the tasks s * num_tasks onwards.

    Resuming needs no replay, and the split over replicas changes no task.
    """

    def __init__(self, sampler: NumberedTasks) -> None:
        """Takes the sampler."""
        self.sampler = sampler

    def pipeline(
        self,
        num_tasks: int,
        start: int,
        steps: int,
        context: tf.distribute.InputContext,
    ) -> tf.data.Dataset:
        """See `EpisodeSource`."""
        share, local, first = _shares(num_tasks, context)

        def draw(number: tf.Tensor) -> Any:
            step, replica = number // local, first + number % local
            start = step * num_tasks + replica * share
            return self.sampler.tasks(start, share).to_keras()

        numbers = tf.data.Dataset.range(start * local, (start + steps) * local)
        episodes = numbers.map(draw, num_parallel_calls=2, deterministic=True)
        return episodes.prefetch(2)

    def identity(self) -> dict[str, Any]:
        """See `EpisodeSource`."""
        return self.sampler.identity()


class StreamSource:
    """Episodes in a given order, one element a step.

    Resuming reads and drops the elements of the steps done before; it is
    exact only where the stream repeats itself.
    """

    def __init__(
        self, make: Callable[[], tf.data.Dataset | Iterable[Episode]]
    ) -> None:
        """Takes the function that makes the stream."""
        self._make = make

    def pipeline(
        self,
        num_tasks: int,
        start: int,
        steps: int,
        context: tf.distribute.InputContext,
    ) -> tf.data.Dataset:
        """See `EpisodeSource`.

        Raises:
            TrainingError: an element has another number of tasks.
        """
        episodes = self._dataset()
        episodes = episodes.map(lambda *data: _as_episode(data).to_keras())
        found = episodes.element_spec[1].shape[0]
        if found not in (None, num_tasks):
            raise TrainingError(
                f"num_tasks is {num_tasks}, but an element of source holds "
                f"{found} tasks."
            )
        share, local, first = _shares(num_tasks, context)
        episodes = episodes.skip(start).take(steps)

        def split(*data: Any) -> Any:
            own = _as_episode(data).map(
                lambda p: _own_part(p, num_tasks, share, local, first)
            )
            return own.to_keras()

        return episodes.map(split).unbatch().prefetch(2)

    def identity(self) -> dict[str, Any]:
        """See `EpisodeSource`."""
        return {"kind": "stream"}

    def _dataset(self) -> tf.data.Dataset:
        made = self._make()
        if isinstance(made, tf.data.Dataset):
            return made
        first = next(iter(made), None)
        if first is None:
            raise TrainingError("source gave no episode.")
        if not isinstance(first, Episode):
            raise TrainingError(
                f"source gave a {type(first).__name__}; expected Episode."
            )
        return tf.data.Dataset.from_generator(
            lambda: (episode.to_keras() for episode in self._make()),
            output_signature=_signature(first),
        )


def _shares(
    num_tasks: int, context: tf.distribute.InputContext
) -> tuple[int, int, int]:
    """Tasks a replica, replicas of this worker, number of its first one."""
    replicas = context.num_replicas_in_sync
    if num_tasks % replicas:
        raise TrainingError(
            f"num_tasks is {num_tasks}; it must be a multiple of the "
            f"{replicas} replicas of the strategy."
        )
    local = replicas // context.num_input_pipelines
    return num_tasks // replicas, local, context.input_pipeline_id * local


def _as_episode(data: tuple[Any, ...]) -> Episode:
    # A pipeline unpacks plain tuples, and an Episode is a named one.
    return Episode.from_keras(data[0] if len(data) == 1 else data)


def _own_part(
    part: tf.Tensor, num_tasks: int, share: int, local: int, first: int
) -> tf.Tensor:
    part = tf.ensure_shape(part, [num_tasks, *part.shape[1:]])
    own = part[first * share : (first + local) * share]
    rest = tf.shape(part)[1:]
    own = tf.reshape(own, tf.concat([[local, share], rest], 0))
    return tf.ensure_shape(own, [local, share, *part.shape[1:]])


def _signature(episode: Episode) -> Any:
    """Keras form of specs of episodes like this, of any size."""

    def spec(part: Any) -> tf.TensorSpec:
        tensor = tf.convert_to_tensor(part)
        shape = [tensor.shape[0], None, *tensor.shape[2:]]
        return tf.TensorSpec(shape, tensor.dtype)

    return episode.map(spec).to_keras()
