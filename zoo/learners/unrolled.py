"""Learners trained by the gradient through their inner steps."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.data.episode import Episode
from metazoo.layers import require_exact
from metazoo.learners.descent import DescentLearner
from metazoo.learners.inner_loop import real_rows
from metazoo.losses import class_mask_of


class UnrolledLearner(DescentLearner):
    """Differentiates the query loss through gradient descent on the support.

    Args:
        backbone: Keras model from one example to features or logits.
        num_ways: fixed number of classes; see `InnerLoopLearner`.
        head: "columns", "shared" or "none"; see `InnerLoopLearner`.
        first_order: leave out second derivatives.
        **kwargs: as for `DescentLearner`.

    Raises:
        SecondOrderError: second order, and the backbone holds a layer whose
            second derivative is wrong.
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int | None = None,
        head: str = "columns",
        first_order: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, num_ways, head, **kwargs)
        if not first_order and self.normalization != "moving":
            require_exact(backbone)
        self.first_order = first_order

    @property
    def second_order(self) -> bool:  # type: ignore[override]
        """Whether training differentiates through inner gradients."""
        return not self.first_order

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Query loss after the inner steps; see `EpisodicTraining`."""
        initial = self.initial_weights(num_ways)
        task = episode._replace(
            support_x=self.prepared(episode.support_x),
            query_x=self.prepared(episode.query_x),
        )
        class_mask = class_mask_of(
            episode.support_y, episode.support_mask, num_ways
        )

        def one(task: Any) -> tf.Tensor:
            return self._query_logits(initial, Episode(*task[:-1]), task[-1])

        tasks = (*task.labelled_parts, class_mask)
        if episode.support_y.shape[0] == 1:
            only = tf.nest.map_structure(lambda part: part[0], tasks)
            logits = one(only)[None]
        else:
            spec = tf.TensorSpec([None, None], self.logits_dtype)
            logits = tf.map_fn(one, tasks, fn_output_signature=spec)
        return self.query_loss(episode, logits), logits

    def training_moments(
        self, weights: list[tf.Tensor], support_x: Any
    ) -> list[tf.Tensor] | None:
        """Statistics that normalise queries in training.

        Args:
            weights: the adapted weights.
            support_x: prepared [support, ...], real examples only.

        Returns:
            By default those of prediction; None for the queries' own.
        """
        return self.query_moments(weights, support_x)

    def _query_logits(
        self, initial: list[tf.Tensor], task: Episode, class_mask: tf.Tensor
    ) -> tf.Tensor:
        """Logits of one task's queries; zeros where a query is padding."""
        support_x = real_rows(task.support_x, task.support_mask)
        support_y = tf.boolean_mask(task.support_y, task.support_mask)

        def loss(weights: list[tf.Tensor]) -> tf.Tensor:
            return self.task_loss(weights, support_x, support_y, class_mask)

        weights = functional.inner_sgd(
            loss,
            initial,
            self.inner_steps,
            self.inner_learning_rate,
            self.first_order,
        )
        query_x = real_rows(task.query_x, task.query_mask)
        moments = self.training_moments(weights, support_x)
        logits = self.task_logits(weights, query_x, class_mask, moments)
        rows = tf.cast(tf.where(task.query_mask), tf.int32)
        shape = [tf.shape(task.query_mask)[0], tf.shape(logits)[1]]
        return tf.scatter_nd(rows, logits, shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "first_order": self.first_order}
