"""Adaptation by a number of steps, a step size and an order of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.contracts.adapted import AdaptedModel
from metazoo.contracts.support_verb import SupportVerb
from metazoo.learners.path import PathLearner
from metazoo.methods.leap.leap_path import NO_STEP
from metazoo.wire import setting

_REPORTS = ("loss_curve", "path_length")
_STEPS = (
    setting.steps(),
    setting.Setting(
        "inner_learning_rate",
        "their step size, above 0",
        tf.float32,
        above=True,
        example=0.05,
        safe=1.0,
    ),
)


def _walk(
    learner: LeapWire,
    x: tf.Tensor,
    y: tf.Tensor,
    mask: tf.Tensor,
    num_ways: Any,
    inner_steps: tf.Tensor,
    inner_learning_rate: tf.Tensor,
    seed: tf.Tensor | None = None,
) -> dict[str, tf.Tensor]:
    return learner.path_state(
        x, y, mask, num_ways, inner_steps, inner_learning_rate, seed
    )


class LeapWire(PathLearner):
    """Adds `adapt_steps` and `adapt_shuffled`, verbs and endpoints.

    A method implements `path_state`.
    """

    support_verbs = (
        SupportVerb(
            "adapt_steps",
            _walk,
            _STEPS,
            "As adapt, by so many steps of such a size on mini-batches in the "
            "order sent; tells of the path.",
            _REPORTS,
            {"loss_curve": NO_STEP},
        ),
        SupportVerb(
            "adapt_shuffled",
            _walk,
            (*_STEPS, setting.seed("of the order of mini-batches")),
            "As adapt_steps, mini-batches shuffled by each task's seed.",
            _REPORTS,
            {"loss_curve": NO_STEP},
        ),
    )
    wire_docs = {
        "loss_curve": "loss of each step's mini-batch before the step, -1 "
        "behind a task's own steps; [tasks, most steps]",
        "path_length": "of weights and loss together, up to the last loss; "
        "[tasks]",
    }

    @property
    def steps_of_adapt(self) -> int:
        """`predict_steps`, or `inner_steps` where it is None."""
        steps = self.predict_steps
        return self.inner_steps if steps is None else steps

    def path_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
        steps: tf.Tensor | None = None,
        rates: tf.Tensor | None = None,
        seeds: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """As `adapt_state`, with `loss_curve` and `path_length` besides.

        Args:
            support_x: float32 [tasks, support, *features].
            support_y: int64 [tasks, support].
            support_mask: bool [tasks, support].
            num_ways: number of columns.
            steps: int32 [tasks], 0 to `setting.MAX_STEPS`, on mini-batches
                in the order given; None for `predict_steps` on mini-batches
                spread over the support set.
            rates: float32 [tasks]; None for `inner_learning_rate`.
            seeds: int32 [tasks, 2] to shuffle by; None for the order given.
        """
        raise NotImplementedError

    def adapt_steps(
        self,
        support_x: Any,
        support_y: Any,
        inner_steps: Any = None,
        inner_learning_rate: Any = None,
        seed: Any = None,
        num_ways: int | None = None,
    ) -> tuple[AdaptedModel, dict[str, np.ndarray]]:
        """As `adapt`, by so many steps in the order given; tells of the path.

        Args:
            support_x: raw examples [support, *features] of one task, or
                [tasks, support, *features], in the order in which
                mini-batches take them.
            support_y: integer labels [support] or [tasks, support].
            inner_steps: gradient steps, 0 to 1000, an integer or [tasks];
                by default those of `adapt`.
            inner_learning_rate: their size, a number or [tasks]; by default
                that of `adapt`.
            seed: integers [2] or [tasks, 2]: mini-batches take the examples
                in an order drawn anew in every round; None for the order
                given.
            num_ways: number of classes; by default the largest label plus
                one.

        Returns:
            The adapted model, and `loss_curve` float32 [tasks, inner_steps]
            and `path_length` float32 [tasks].

        Raises:
            EpisodeError: an argument is malformed.
        """
        steps, rate = inner_steps, inner_learning_rate
        seeds = {} if seed is None else {"seed": seed}
        return self.adapt_by(
            "adapt_shuffled" if seeds else "adapt_steps",
            support_x,
            support_y,
            num_ways,
            inner_steps=self.steps_of_adapt if steps is None else steps,
            inner_learning_rate=(
                self.inner_learning_rate if rate is None else rate
            ),
            **seeds,
        )
