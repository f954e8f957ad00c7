"""Adaptation with a number of steps and a step size of the caller's."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.contracts.adapted import AdaptedModel
from metazoo.contracts.support_verb import SupportVerb
from metazoo.learners.text import TextLearner
from metazoo.wire import setting


def _stepped(learner: Any, *support: Any, **settings: Any) -> Any:
    return learner.stepped_state(*support, **settings)


class AdaptSteps(TextLearner):
    """Adds `adapt_steps`, in Python and as an endpoint, to `adapt`."""

    support_verbs = (
        SupportVerb(
            "adapt_steps",
            _stepped,
            (
                setting.steps("num_steps"),
                setting.Setting(
                    "step_size",
                    "step size of them, 0 or more",
                    tf.float32,
                    example=0.25,
                ),
            ),
            "As adapt, with the given number of steps and step size of each "
            "task.",
            reports=("support_loss",),
        ),
    )

    def stepped_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
        num_steps: Any,
        step_size: Any,
    ) -> dict[str, tf.Tensor]:
        """As `adapt_state`, with `support_loss` float32 [tasks] besides.

        Args:
            support_x: texts or word numbers.
            support_y: int64 [tasks, support].
            support_mask: bool [tasks, support].
            num_ways: number of columns.
            num_steps: an integer or int32 [tasks].
            step_size: a number or float32 [tasks].
        """
        raise NotImplementedError

    def adapt_steps(
        self,
        support_x: Any,
        support_y: Any,
        num_steps: Any,
        step_size: Any,
        num_ways: int | None = None,
    ) -> tuple[AdaptedModel, dict[str, np.ndarray]]:
        """As `adapt`, with other steps than the learner's own.

        Args:
            support_x: texts [support] of one task, or [tasks, support].
            support_y: integer labels [support] or [tasks, support].
            num_steps: gradient steps, an integer or [tasks]; 0 for none.
            step_size: their size, a number or [tasks].
            num_ways: number of classes; by default the largest label plus
                one.

        Returns:
            The adapted model, and `support_loss` float32 [tasks]: that of
            the support set after the steps.

        Raises:
            EpisodeError: an argument is malformed.
        """
        return self.adapt_by(
            "adapt_steps",
            support_x,
            support_y,
            num_ways,
            num_steps=num_steps,
            step_size=step_size,
        )
