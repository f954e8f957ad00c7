"""Reptile: move the initialisation towards the weights tasks end up with."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.checks.options import check_count
from metazoo.data.episode import Episode
from metazoo.learners.path import PathLearner


@keras.saving.register_keras_serializable(package="metazoo")
class Reptile(PathLearner):
    """Reptile (Nichol, Achiam and Schulman 2018).

    Shared: the initial weights. Adapted: all weights, by gradient descent
    on the support loss. The outer update follows the displacement of the
    weights, (initial - adapted) / inner_learning_rate, as if it were a
    gradient (algorithm 2 and section 2), so no second derivatives occur.
    In training, the steps take mini-batches of the support set in turn;
    `adapt` takes the whole set in every step, so its order does not matter.

    Args:
        backbone: Keras model from one example to features or logits.
        num_ways: fixed number of classes; see `InnerLoopLearner`.
        head: "columns", "shared" or "none"; see `InnerLoopLearner`.
        inner_steps: mini-batch steps in training (k in the paper).
        inner_batch_size: examples of a mini-batch.
        inner_learning_rate: step size.
        predict_steps: full-batch steps of `adapt`; by default
            `inner_steps`.
        normalization: "support", "transductive" or "moving"; see
            `InnerLoopLearner`.
        value_range: (low, high) of the raw values the backbone takes.
        name: name of the model.

    Reference:
        Nichol, Achiam, Schulman: On First-Order Meta-Learning Algorithms,
        2018, https://arxiv.org/abs/1803.02999
    """

    # `adapt` takes many steps; none are unrolled.
    max_unrolled_steps = 0

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int | None = None,
        head: str = "columns",
        inner_steps: int = 5,
        inner_batch_size: int = 10,
        inner_learning_rate: float = 0.1,
        predict_steps: int | None = None,
        normalization: str = "support",
        value_range: tuple[float, float] | None = (0, 255),
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_count("inner_batch_size", inner_batch_size)
        super().__init__(
            backbone,
            num_ways,
            head,
            inner_steps,
            inner_learning_rate,
            predict_steps,
            normalization=normalization,
            value_range=value_range,
            name=name,
            **kwargs,
        )
        self.inner_batch_size = inner_batch_size

    def follow_path(
        self, initial: list[tf.Tensor], task: Episode, class_mask: tf.Tensor
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Displacement of the weights; see `PathLearner`."""
        adapted = self._train_task(initial, task, class_mask)
        moved = [
            (a - b) / self.inner_learning_rate
            for a, b in zip(initial, adapted, strict=True)
        ]
        return adapted, moved

    def _train_task(
        self, weights: list[tf.Tensor], task: Episode, class_mask: tf.Tensor
    ) -> list[tf.Tensor]:
        """Inner steps on mini-batches, each taken across all classes."""
        x = tf.boolean_mask(task.support_x, task.support_mask)
        y = tf.boolean_mask(task.support_y, task.support_mask)
        size = tf.shape(y)[0]
        parts = tf.maximum(size // self.inner_batch_size, 1)
        for step in range(self.inner_steps):
            # Support is laid out class by class: a stride visits them all.
            rows = tf.range(step % parts, size, parts)
            batch_x, batch_y = tf.gather(x, rows), tf.gather(y, rows)

            def loss(
                w: list[tf.Tensor],
                x: tf.Tensor = batch_x,
                y: tf.Tensor = batch_y,
            ) -> tf.Tensor:
                return self.task_loss(w, x, y, class_mask)

            weights = functional.sgd_step(
                loss, weights, self.inner_learning_rate, True
            )
        return weights

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        config.pop("adapt_backbone")
        return {**config, "inner_batch_size": self.inner_batch_size}
