"""The wire of CACTUs-MAML: steps of one's own, and queries all together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from metazoo import functional
from metazoo.contracts.adapted import AdaptedModel
from metazoo.contracts.episodic_verbs import traced
from metazoo.contracts.support_verb import SupportVerb
from metazoo.learners.unrolled import UnrolledLearner
from metazoo.wire import setting
from metazoo.wire.signature import Signature

_TOGETHER = "predict_transductive"


def _adapted(
    learner: CACTUsWire,
    x: tf.Tensor,
    y: tf.Tensor,
    mask: tf.Tensor,
    num_ways: Any,
    inner_steps: tf.Tensor,
) -> dict[str, tf.Tensor]:
    return learner.adapted_state(x, y, mask, num_ways, inner_steps)


class CACTUsWire(UnrolledLearner):
    """Adds the verbs and endpoints `adapt_steps` and `predict_transductive`."""

    support_verbs = (
        SupportVerb(
            "adapt_steps",
            _adapted,
            (setting.steps(),),
            "As adapt, by so many gradient steps.",
        ),
    )

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
            steps: int32 scalar, 0 to `setting.MAX_STEPS`; None for those of the
                learner.
        """
        if steps is None:
            return super().adapt_task(weights, x, y, class_mask)

        return functional.inner_sgd_loop(
            lambda w: self.task_loss(w, x, y, class_mask),
            weights,
            steps,
            self.inner_learning_rate,
            max_steps=setting.MAX_STEPS,
        )

    def adapt_steps(
        self,
        support_x: Any,
        support_y: Any,
        inner_steps: Any,
        num_ways: int | None = None,
    ) -> AdaptedModel:
        """As `adapt`, by so many gradient steps.

        Args:
            support_x: raw examples [support, *features] of one task, or
                [tasks, support, *features].
            support_y: integer labels [support] or [tasks, support].
            inner_steps: 0 to 1000, an integer or [tasks].
            num_ways: number of classes; by default that of the head.

        Raises:
            EpisodeError: an argument is malformed.
        """
        return self.adapt_by(
            "adapt_steps",
            support_x,
            support_y,
            num_ways,
            inner_steps=inner_steps,
        )[0]

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
        """Returns those of the contract, and `predict_transductive`."""
        standard = super().signatures()
        if self.transductive:
            return standard
        (predict,) = (one for one in standard if one.name == "predict")
        together = dataclasses.replace(
            predict,
            name=_TOGETHER,
            fn=self._serve_predict_transductive,
            doc="As predict, all queries of a task normalised together: "
            "never pad them, and send those that belong together in one "
            "request.",
        )
        return (*standard, together)

    def needs_queries(self, verb: str) -> bool:
        """Whether a verb means nothing by an empty query set.

        Args:
            verb: name of a verb that predicts.
        """
        return verb == _TOGETHER or super().needs_queries(verb)

    def _serve_predict_transductive(
        self, query_x: tf.Tensor, **state: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return self._serve_answers(_TOGETHER, query_x, state)

    def _trace(self, verb: str) -> Any:
        if verb != _TOGETHER:
            return super()._trace(verb)

        def together(query_x: Any, state: Any) -> Any:
            return self.outputs_of(self.logits_together(query_x, state))

        shape = [None, None, *self.example_shape]
        specs = (tf.TensorSpec(shape, self.example_dtype), self.state_spec())
        return traced(together, specs)
