"""Adaptation with a number of steps and a step size of the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from metazoo.checks.examples import check_each_task
from metazoo.contracts.adapted import AdaptedModel
from metazoo.learners.text import TextLearner
from metazoo.methods.ataml.ataml_options import MAX_STEPS
from metazoo.wire.faults import spoil_all
from metazoo.wire.signature import Signature

VERB = "adapt_steps"


class AdaptSteps(TextLearner):
    """Adds `adapt_steps`, in Python and as an endpoint, to `adapt`."""

    wire_docs: ClassVar[Mapping[str, str]] = {
        "num_steps": f"gradient steps, 0 to {MAX_STEPS}; [tasks]",
        "step_size": "step size of them, 0 or more; [tasks]",
    }

    def adapt_steps(
        self,
        support_x: Any,
        support_y: Any,
        num_steps: Any,
        step_size: Any,
        num_ways: int | None = None,
    ) -> AdaptedModel:
        """As `adapt`, with other steps than the learner's own.

        Args:
            support_x: texts [support] of one task, or [tasks, support].
            support_y: integer labels [support] or [tasks, support].
            num_steps: gradient steps, an integer or [tasks]; 0 for none.
            step_size: their size, a number or [tasks].
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
        steps = check_each_task(
            "num_steps", num_steps, len(x), np.int32, high=MAX_STEPS
        )
        sizes = check_each_task("step_size", step_size, len(x), np.float32)
        state = self._function(VERB)(x, y, mask, ways, steps, sizes)
        return AdaptedModel(self, state, single)

    def signatures(self) -> tuple[Signature, ...]:
        """Returns those of the contract, and `adapt_steps`."""
        adapt = super().signatures()[1]
        more = {
            "num_steps": tf.TensorSpec([None], tf.int32, "num_steps"),
            "step_size": tf.TensorSpec([None], tf.float32, "step_size"),
        }
        return (
            *super().signatures(),
            self._signature(
                VERB,
                {**adapt.inputs, **more},
                adapt.outputs,
                "As adapt, with the given number of steps and step size of "
                "each task.",
                masks_support=True,
            ),
        )

    def example_extras(self, num_tasks: int) -> dict[str, np.ndarray]:
        """Steps to try `adapt_steps` with.

        Args:
            num_tasks: number of tasks.
        """
        return {
            "num_steps": np.arange(num_tasks, dtype=np.int32),
            "step_size": np.full(num_tasks, 0.25, np.float32),
        }

    def _serve_adapt_steps(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        num_steps: tf.Tensor,
        step_size: tf.Tensor,
        support_mask: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        wrong = (num_steps < 0) | (num_steps > MAX_STEPS)
        wrong |= ~tf.math.is_finite(step_size) | (step_size < 0)
        # One task's mistake must not cost those beside it a thousand steps.
        steps = tf.where(wrong, 0, num_steps)
        sizes = tf.where(wrong, 0.0, step_size)
        state = self._serve_verb(
            VERB, support_x, support_y, support_mask, steps, sizes
        )
        return spoil_all(state, wrong)

    def _trace(self, verb: str) -> Any:
        if verb != VERB:
            return super()._trace(verb)
        specs = (
            tf.TensorSpec([None, None], self.example_dtype),
            tf.TensorSpec([None, None], tf.int64),
            tf.TensorSpec([None, None], tf.bool),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], tf.float32),
        )
        return tf.function(self._adapt_steps, input_signature=specs)

    def _adapt_steps(
        self, x: Any, y: Any, mask: Any, ways: Any, steps: Any, sizes: Any
    ) -> dict[str, tf.Tensor]:
        ways = ways if self.num_ways is None else self.num_ways
        settings = {"num_steps": steps, "step_size": sizes}
        return self.adapt_state(x, y, mask, ways, **settings)
