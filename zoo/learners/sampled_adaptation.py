"""Adaptation that draws, by a seed of each task, beside that on means."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.checks.examples import check_seed
from metazoo.contracts.adapted import AdaptedModel
from metazoo.contracts.episodic import EpisodicLearner
from metazoo.wire.signature import Signature


class SampledAdaptation(EpisodicLearner):
    """Adds the verb and the endpoint `adapt_sample` to a learner.

    A method implements `sampled_state`; its `adapt_state` takes means.
    """

    def sampled_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        seed: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """As `adapt_state`, with draws in place of means.

        Args:
            support_x: float [tasks, support, *features].
            support_y: int64 [tasks, support].
            support_mask: bool [tasks, support].
            seed: int32 [tasks, 2]; a task's draws depend on its own alone.
            num_ways: number of columns.
        """
        raise NotImplementedError

    def adapt_sample(
        self, support_x: Any, support_y: Any, seed: Any, num_ways: Any = None
    ) -> AdaptedModel:
        """As `adapt`, with draws in place of means.

        Args:
            support_x: raw examples [support, *features] of one task, or
                [tasks, support, *features].
            support_y: integer labels [support] or [tasks, support].
            seed: integers [2], or [tasks, 2]; the same seed draws the same.
            num_ways: number of classes; by default the largest label plus
                one.

        Returns:
            The adapted model.

        Raises:
            EpisodeError: an argument is malformed.
        """
        x, y, mask, ways, single = self._checked_support(
            support_x, support_y, None, num_ways
        )
        seed = check_seed(seed, len(x))
        state = self._function("adapt_sample")(x, y, mask, ways, seed)
        return AdaptedModel(self, state, single)

    def signatures(self) -> tuple[Signature, ...]:
        """Returns those of the contract, and `adapt_sample`."""
        standard = super().signatures()
        adapt = next(one for one in standard if one.name == "adapt")
        seed = tf.TensorSpec([None, 2], tf.int32, "seed")
        return (
            *standard,
            self._signature(
                "adapt_sample",
                {**adapt.inputs, "seed": seed},
                adapt.outputs,
                "As adapt, with draws in place of means, by each task's seed.",
                masks_support=True,
            ),
        )

    def example_extras(self, num_tasks: int) -> dict[str, np.ndarray]:
        """Seeds to try `adapt_sample` with.

        Args:
            num_tasks: number of tasks.
        """
        return {"seed": np.arange(2 * num_tasks, dtype=np.int32).reshape(-1, 2)}

    def _serve_adapt_sample(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        seed: tf.Tensor,
        support_mask: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        verb = "adapt_sample"
        return self._serve_verb(verb, support_x, support_y, support_mask, seed)

    def _trace(self, verb: str) -> Any:
        if verb != "adapt_sample":
            return super()._trace(verb)
        specs = (
            tf.TensorSpec(
                [None, None, *self.example_shape], self.example_dtype
            ),
            tf.TensorSpec([None, None], tf.int64),
            tf.TensorSpec([None, None], tf.bool),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([None, 2], tf.int32),
        )

        def run(x: Any, y: Any, mask: Any, ways: Any, seed: Any) -> Any:
            columns = ways if self.num_ways is None else self.num_ways
            return self.sampled_state(x, y, mask, seed, columns)

        return tf.function(run, input_signature=specs)
