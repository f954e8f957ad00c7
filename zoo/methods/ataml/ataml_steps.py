"""Adaptation with a number of steps and a step size of the caller's."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from metazoo.contracts.adapted import AdaptedModel
from metazoo.contracts.support_verb import SupportVerb
from metazoo.learners.text import TextLearner
from metazoo.wire import setting


def _adapted(learner: Any, *support: Any, **settings: Any) -> Any:
    return learner.adapt_state(*support, **settings)


class AdaptSteps(TextLearner):
    """Adds `adapt_steps`, in Python and as an endpoint, to `adapt`."""

    support_verbs = (
        SupportVerb(
            "adapt_steps",
            _adapted,
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
        ),
    )

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
        return self.adapt_by(
            "adapt_steps",
            support_x,
            support_y,
            num_ways,
            num_steps=num_steps,
            step_size=step_size,
        )[0]
