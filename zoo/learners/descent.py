"""Learners that adapt by a few steps of plain gradient descent."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.checks.options import check_count, check_positive
from metazoo.learners.inner_loop import InnerLoopLearner


class DescentLearner(InnerLoopLearner):
    """Gradient descent on the support loss, from shared initial weights.

    A method says how the initial weights are trained: by the gradient
    through the steps (`UnrolledLearner`) or from the path that they take
    (`PathLearner`). It may override `task_loss`, the loss that is descended,
    and `fast_variables`, the weights that descend it.

    Args:
        backbone: Keras model from one example to features or logits.
        num_ways: fixed number of classes; see `InnerLoopLearner`.
        head: "columns", "shared" or "none"; see `InnerLoopLearner`.
        inner_steps: gradient steps in training.
        inner_learning_rate: step size.
        predict_steps: gradient steps of `adapt`, 0 for none; by default
            `inner_steps`.
        **kwargs: as for `InnerLoopLearner`.

    Attributes:
        max_unrolled_steps: an unrolled loop runs faster; beyond so many
            steps a graph loop keeps `adapt` small.
    """

    max_unrolled_steps = 10
    # The loss of the only class is 0 whatever the weights: no step is taken.
    least_classes = 2

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int | None = None,
        head: str = "columns",
        inner_steps: int = 1,
        inner_learning_rate: float = 0.1,
        predict_steps: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_count("inner_steps", inner_steps)
        if predict_steps is not None and predict_steps != 0:
            check_count("predict_steps", predict_steps)
        check_positive("inner_learning_rate", inner_learning_rate)
        super().__init__(backbone, num_ways, head=head, **kwargs)
        self.inner_steps = inner_steps
        self.inner_learning_rate = inner_learning_rate
        self.predict_steps = predict_steps

    def adapt_task(
        self,
        weights: list[tf.Tensor],
        x: tf.Tensor,
        y: tf.Tensor,
        class_mask: tf.Tensor,
    ) -> list[tf.Tensor]:
        """Full-batch gradient descent; see `InnerLoopLearner`."""
        steps = self.predict_steps
        if steps is None:
            steps = self.inner_steps
        rate = self.inner_learning_rate

        def loss(weights: list[tf.Tensor]) -> tf.Tensor:
            return self.task_loss(weights, x, y, class_mask)

        if steps > self.max_unrolled_steps:
            return functional.inner_sgd_loop(loss, weights, steps, rate)
        return functional.inner_sgd(loss, weights, steps, rate, True)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "inner_steps": self.inner_steps,
            "inner_learning_rate": self.inner_learning_rate,
            "predict_steps": self.predict_steps,
        }
