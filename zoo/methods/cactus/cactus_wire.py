"""The wire of CACTUs-MAML: steps of one's own, and queries all together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo import functional
from metazoo.checks.examples import check_integer
from metazoo.contracts.adapted import AdaptedModel
from metazoo.learners.unrolled import UnrolledLearner
from metazoo.wire.faults import spoil_all
from metazoo.wire.signature import Signature

# A request of more would hold a server for minutes.
MAX_STEPS = 1000
_TOGETHER = "predict_transductive"


class CACTUsWire(UnrolledLearner):
    """Adds the verbs and endpoints `adapt_steps` and `predict_transductive`."""

    wire_docs = {"inner_steps": f"gradient steps, 0 to {MAX_STEPS}; [tasks]"}

    def adapt_task(
        self,
        weights: list[tf.Tensor],
        x: Any,
        y: tf.Tensor,
        class_mask: tf.Tensor,
        steps: tf.Tensor | None = None,
    ) -> list[tf.Tensor]:
        """Full-batch gradient descent; see `InnerLoopLearner`.

        Args:
            weights: where to start.
            x: prepared [support, ...], real examples only.
            y: int64 [support].
            class_mask: float32 [ways].
            steps: int32 scalar, 0 to `MAX_STEPS`; None for those of the
                learner.
        """
        if steps is None:
            return super().adapt_task(weights, x, y, class_mask)

        return functional.inner_sgd_loop(
            lambda w: self.task_loss(w, x, y, class_mask),
            weights,
            steps,
            self.inner_learning_rate,
            max_steps=MAX_STEPS,
        )

    def adapt_steps(
        self,
        support_x: Any,
        support_y: Any,
        inner_steps: int,
        num_ways: int | None = None,
    ) -> AdaptedModel:
        """As `adapt`, by so many gradient steps.

        Args:
            support_x: raw examples [support, *features] of one task, or
                [tasks, support, *features].
            support_y: integer labels [support] or [tasks, support].
            inner_steps: 0 to 1000.
            num_ways: number of classes; by default that of the head.

        Raises:
            EpisodeError: an argument is malformed.
        """
        x, y, mask, ways, single = self._checked_support(
            support_x, support_y, None, num_ways
        )
        count = check_integer("inner_steps", inner_steps, 0, MAX_STEPS)
        steps = np.full(len(x), count, np.int32)
        state = self._function("adapt_steps")(x, y, mask, ways, steps)
        return AdaptedModel(self, state, single)

    def logits_together(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Scores queries by the statistics of all queries of their task.

        Args:
            query_x: float32 [tasks, query, *features], raw values.
            state: what `adapt_state` returned.

        Returns:
            float32 [tasks, query, ways].
        """

        def one(task: Any) -> tf.Tensor:
            weights = [task[name] for name in self._weight_names()]
            return self.task_logits(
                weights, task["query_x"], task["class_mask"]
            )

        return tf.map_fn(
            one,
            {**state, "query_x": self.prepared(query_x)},
            fn_output_signature=tf.TensorSpec([None, None], self.logits_dtype),
        )

    def signatures(self) -> tuple[Signature, ...]:
        """Returns those of the contract, and two more."""
        standard = {one.name: one for one in super().signatures()}
        adapt, predict = standard["adapt"], standard["predict"]
        steps = tf.TensorSpec([None], tf.int32, "inner_steps")
        by_steps = self._signature(
            "adapt_steps",
            {**adapt.inputs, "inner_steps": steps},
            adapt.outputs,
            "As adapt, by so many gradient steps.",
            masks_support=True,
        )
        if self.transductive:
            return (*standard.values(), by_steps)
        together = dataclasses.replace(
            predict,
            name=_TOGETHER,
            fn=self._serve_predict_transductive,
            doc="As predict, all queries of a task normalised together: "
            "never pad them, and send those that belong together in one "
            "request.",
        )
        return (*standard.values(), by_steps, together)

    def needs_queries(self, verb: str) -> bool:
        """Whether a verb means nothing by an empty query set.

        Args:
            verb: name of a verb that predicts.
        """
        return verb == _TOGETHER or super().needs_queries(verb)

    def example_extras(self, num_tasks: int) -> dict[str, np.ndarray]:
        """Inputs of endpoints that an episode does not hold.

        Args:
            num_tasks: number of tasks.
        """
        return {"inner_steps": np.full(num_tasks, 2, np.int32)}

    def _serve_adapt_steps(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        inner_steps: tf.Tensor,
        support_mask: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        wrong = (inner_steps < 0) | (inner_steps > MAX_STEPS)
        steps = tf.where(wrong, 0, inner_steps)
        state = self._serve_verb(
            "adapt_steps", support_x, support_y, support_mask, steps
        )
        return spoil_all(state, wrong)

    def _serve_predict_transductive(
        self, query_x: tf.Tensor, **state: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return self._serve_answers(_TOGETHER, query_x, state)

    def _trace(self, verb: str) -> Any:
        examples = tf.TensorSpec(
            [None, None, *self.example_shape], self.example_dtype
        )
        if verb == _TOGETHER:

            def together(query_x: Any, state: Any) -> Any:
                return self.outputs_of(self.logits_together(query_x, state))

            specs = (examples, self.state_spec())
            return tf.function(together, input_signature=specs)
        if verb != "adapt_steps":
            return super()._trace(verb)

        def adapt(x: Any, y: Any, mask: Any, ways: Any, steps: Any) -> Any:
            return self.adapted_state(x, y, mask, self.num_ways, steps)

        return tf.function(
            adapt,
            input_signature=(
                examples,
                tf.TensorSpec([None, None], tf.int64),
                tf.TensorSpec([None, None], tf.bool),
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([None], tf.int32),
            ),
        )
