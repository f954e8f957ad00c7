"""Adaptation that draws, by a seed of each task, beside that on means."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from metazoo.contracts.adapted import AdaptedModel
from metazoo.contracts.episodic import EpisodicLearner
from metazoo.contracts.support_verb import SupportVerb
from metazoo.wire import setting


def _sampled(
    learner: SampledAdaptation,
    x: tf.Tensor,
    y: tf.Tensor,
    mask: tf.Tensor,
    num_ways: Any,
    seed: tf.Tensor,
) -> dict[str, tf.Tensor]:
    return learner.sampled_state(x, y, mask, seed, num_ways)


class SampledAdaptation(EpisodicLearner):
    """Adds the verb and the endpoint `adapt_sample` to a learner.

    A method implements `sampled_state`; its `adapt_state` takes means.
    """

    support_verbs = (
        SupportVerb(
            "adapt_sample",
            _sampled,
            (setting.seed("of the task's draws"),),
            "As adapt, with draws in place of means, by each task's seed.",
        ),
    )

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
        return self.adapt_by(
            "adapt_sample", support_x, support_y, num_ways, seed=seed
        )[0]
