"""Learners trained from the path that inner steps take, not through it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.learners.descent import DescentLearner
from metazoo.losses import class_mask_of


class PathLearner(DescentLearner):
    """Updates the initial weights from tasks' paths, first order only.

    A method implements `follow_path`: what it gives for the initial weights
    takes the place of a gradient. One whose path ends in more than weights,
    such as moving statistics, implements `score_queries` too.
    """

    def follow_path(
        self, initial: list[tf.Tensor], task: Episode, class_mask: tf.Tensor
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Adapts to one task in training.

        Args:
            initial: what `initial_weights` gave, where the path starts.
            task: without a tasks axis.
            class_mask: float32 [ways].

        Returns:
            The weights at the end, and a pseudo gradient for each of the
            initial ones.
        """
        raise NotImplementedError

    def score_queries(
        self, adapted: list[tf.Tensor], task: Episode, class_mask: tf.Tensor
    ) -> tf.Tensor:
        """Logits of a task's queries after its path.

        Args:
            adapted: what `follow_path` gave first.
            task: without a tasks axis.
            class_mask: float32 [ways].

        Returns:
            float32 [query, ways].
        """
        return self.task_logits(adapted, task.query_x, class_mask)

    def chunk_gradients(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Mean pseudo gradient of the tasks in place of a gradient.

        Args:
            episode: the tasks of the chunk.
            num_ways: number of columns of the logits.

        Returns:
            Mean query loss after adaptation, query logits, and one pseudo
            gradient for each of `trainable_variables`.
        """
        with tf.GradientTape() as tape:
            initial = self.initial_weights(num_ways)
        classes = class_mask_of(
            episode.support_y, episode.support_mask, num_ways
        )

        def one(parts: Any) -> Any:
            task, class_mask = Episode(*parts[:-1]), parts[-1]
            adapted, found = self.follow_path(initial, task, class_mask)
            return self.score_queries(adapted, task, class_mask), found

        specs = [tf.TensorSpec(w.shape, w.dtype) for w in initial]
        logits_spec = tf.TensorSpec([None, None], self.logits_dtype)
        logits, found = tf.map_fn(
            one,
            (*episode.labelled_parts, classes),
            fn_output_signature=(logits_spec, specs),
            parallel_iterations=1,
        )
        # The chain rule through `initial` sums what a shared column gets.
        gradients = tape.gradient(
            initial,
            [v.value for v in self.trainable_variables],
            output_gradients=[tf.reduce_mean(one, 0) for one in found],
            unconnected_gradients="zero",
        )
        return self.query_loss(episode, logits), logits, gradients
