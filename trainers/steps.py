"""Compiled training and test steps under a distribution strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from metazoo.errors import TrainingError
from metazoo.trainers.sources import EpisodeSource


class StepRunner:
    """Runs a learner's steps, its tasks split over replicas."""

    def __init__(
        self,
        learner: keras.Model,
        strategy: tf.distribute.Strategy,
        jit_compile: bool,
    ) -> None:
        """Compiles nothing yet.

        Args:
            learner: a compiled learner.
            strategy: the one it was built under.
            jit_compile: whether to use XLA.
        """
        self._learner = learner
        self._strategy = strategy
        self._train = self._compiled(learner.train_step, jit_compile)
        self._test = self._compiled(learner.test_step, jit_compile)
        self._tests: dict[Any, Any] = {}

    def episodes(
        self, source: EpisodeSource, num_tasks: int, start: int, steps: int
    ) -> Any:
        """Returns the episodes of some steps, ready for the replicas.

        Args:
            source: where they come from.
            num_tasks: tasks of a step, over all replicas.
            start: first step.
            steps: number of steps; 0 gives an empty data set.

        Raises:
            TrainingError: the tasks can't be split evenly.
        """
        return self._strategy.distribute_datasets_from_function(
            lambda context: source.pipeline(num_tasks, start, steps, context)
        )

    def train(self, iterator: Any) -> dict[str, float]:
        """Runs one training step.

        Args:
            iterator: of `episodes`.

        Returns:
            Metric name to value since the metrics were reset.

        Raises:
            TrainingError: the source ended.
        """
        return _take_step(self._train, iterator)

    def evaluate(
        self,
        source: EpisodeSource,
        num_tasks: int,
        steps: int,
        hooks: keras.callbacks.CallbackList,
    ) -> dict[str, float]:
        """Scores the first episodes of a source.

        Args:
            source: where they come from.
            num_tasks: tasks of a step, over all replicas.
            steps: number of steps.
            hooks: callbacks to tell.

        Returns:
            Metric name to value.

        Raises:
            TrainingError: the source ended.
        """
        key = (id(source), num_tasks, steps)
        if key not in self._tests:
            self._tests[key] = self.episodes(source, num_tasks, 0, steps)
        iterator = iter(self._tests[key])
        self._learner.reset_metrics()
        hooks.on_test_begin()
        logs: dict[str, float] = {}
        for step in range(steps):
            hooks.on_test_batch_begin(step)
            logs = _take_step(self._test, iterator)
            hooks.on_test_batch_end(step, logs)
        hooks.on_test_end(logs)
        return logs

    def _compiled(self, step: Callable[..., Any], jit_compile: bool) -> Any:
        if jit_compile:
            step = tf.function(step, jit_compile=True, autograph=False)

        def run(iterator: Any) -> dict[str, tf.Tensor]:
            outputs = self._strategy.run(step, args=(next(iterator),))
            # Read across replicas, metrics are those of all tasks.
            results = self._learner.get_metrics_result()
            others = {k: v for k, v in outputs.items() if k not in results}
            mean = tf.distribute.ReduceOp.MEAN
            return {
                **results,
                **{
                    name: self._strategy.reduce(mean, value, axis=None)
                    for name, value in others.items()
                },
            }

        return tf.function(run, autograph=False)


def _take_step(step: Callable[..., Any], iterator: Any) -> dict[str, float]:
    try:
        results = step(iterator)
    except (StopIteration, tf.errors.OutOfRangeError) as error:
        raise TrainingError(
            "source ended before the last step; give it more episodes, or "
            "repeat it."
        ) from error
    return {name: float(value) for name, value in results.items()}
