"""Random numbers of LEO, from explicit seeds: no state between calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import tensorflow as tf

from metazoo.functional.seeds import step_seed


class Noise(Protocol):
    """Where draws come from."""

    def normal(self, shape: Any) -> tf.Tensor | None:
        """The next standard normal draw, or None for the mean.

        Args:
            shape: [tasks, slots, size].
        """

    def drop(self, x: tf.Tensor) -> tf.Tensor:
        """Drops units with the next mask.

        Args:
            x: float [tasks, examples, features].
        """


class NoNoise:
    """The mean of every distribution: what is served by default."""

    def normal(self, shape: Any) -> tf.Tensor | None:
        """None: the mean."""
        return None

    def drop(self, x: tf.Tensor) -> tf.Tensor:
        """`x` as it is."""
        return x


class StepNoise:
    """Draws of one training step: fresh ones at every call."""

    def __init__(
        self, seed: tf.Tensor, rate: float, sample: bool, dtype: str
    ) -> None:
        """Draws nothing yet.

        Args:
            seed: int [2], of the step.
            rate: share of units that `drop` drops.
            sample: False takes the mean of every distribution.
            dtype: of the draws.
        """
        self._seed = step_seed(seed)
        self._rate = rate
        self._sample = sample
        self._dtype = dtype
        self._count = 0

    def normal(self, shape: Any) -> tf.Tensor | None:
        """See `Noise`."""
        if not self._sample:
            return None
        return tf.random.stateless_normal(
            shape, self._next(), dtype=self._dtype
        )

    def drop(self, x: tf.Tensor) -> tf.Tensor:
        """See `Noise`; what is kept is scaled up."""
        if not self._rate:
            return x
        return tf.nn.experimental.stateless_dropout(
            x, self._rate, seed=self._next()
        )

    def _next(self) -> tf.Tensor:
        self._count += 1
        return tf.random.experimental.stateless_fold_in(self._seed, self._count)


class TaskNoise:
    """Draws of served tasks, each from its own seed, one slot a class."""

    def __init__(
        self,
        seed: tf.Tensor,
        num_ways: Any,
        sizes: Sequence[int],
        dtype: str,
    ) -> None:
        """Draws all there will be.

        Args:
            seed: int32 [tasks, 2]; a task's draws depend on no other's.
            num_ways: number of classes; that of a class does not depend on
                how many there are.
            sizes: sizes of the draws, in order.
            dtype: of the draws.
        """

        def of_task(one: tf.Tensor) -> tf.Tensor:
            shape = [num_ways, sum(sizes)]
            return tf.random.stateless_normal(
                shape, one, dtype=dtype, alg="philox"
            )

        spec = tf.TensorSpec([None, sum(sizes)], dtype)
        drawn = tf.map_fn(of_task, seed, fn_output_signature=spec)
        self._draws = iter(tf.split(drawn, list(sizes), axis=-1))

    def normal(self, shape: Any) -> tf.Tensor | None:
        """See `Noise`."""
        return next(self._draws)

    def drop(self, x: tf.Tensor) -> tf.Tensor:
        """`x` as it is: served tasks drop nothing."""
        return x
