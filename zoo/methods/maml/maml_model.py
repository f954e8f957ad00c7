"""MAML: an initialisation from which a few gradient steps suffice."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.backbone_checks import check_vector_backbone
from metazoo.data.episode import Episode
from metazoo.errors import MetazooError
from metazoo.inner_loop import InnerLoopLearner
from metazoo.layers import require_exact
from metazoo.losses import class_mask_of

# An unrolled loop runs faster; a graph loop keeps long adaptations small.
MAX_UNROLLED_STEPS = 10


@keras.saving.register_keras_serializable(package="metazoo")
class MAML(InnerLoopLearner):
    """Model-agnostic meta-learning (Finn, Abbeel and Levine 2017).

    Shared: the initial weights. Adapted: all weights (or the head), by
    gradient descent on the support loss (algorithm 2, line 6). The outer
    gradient goes through the inner steps; `first_order=True` drops the
    second derivatives (section 5.2).

    Args:
        backbone: Keras model from one example to features or logits.
        num_ways: fixed number of classes; see `InnerLoopLearner`.
        head: "columns", "shared" or "none"; see `InnerLoopLearner`.
        inner_steps: gradient steps in training.
        inner_learning_rate: step size (alpha in the paper).
        predict_steps: gradient steps of `adapt`; by default `inner_steps`.
        first_order: leave out second derivatives.
        normalization: "transductive", "support" or "moving"; see
            `InnerLoopLearner`.
        adapt_backbone: False adapts the head alone (ANIL).
        value_range: (low, high) of the raw values the backbone takes.
        name: name of the model.

    Raises:
        SecondOrderError: second order, and the backbone holds a layer whose
            second derivative is wrong.

    Example:

    ```python
    backbone = metazoo.layers.conv4((28, 28, 1), downsampling="stride")
    learner = metazoo.MAML(backbone, num_ways=5, inner_learning_rate=0.4)
    learner.compile(optimizer="adam")
    learner.fit(sampler.keras_dataset(num_tasks=8, steps=100))
    ```

    Reference:
        Finn, Abbeel, Levine: Model-Agnostic Meta-Learning for Fast
        Adaptation of Deep Networks, ICML 2017,
        https://arxiv.org/abs/1703.03400
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int | None = None,
        head: str = "columns",
        inner_steps: int = 1,
        inner_learning_rate: float = 0.4,
        predict_steps: int | None = None,
        first_order: bool = False,
        normalization: str = "transductive",
        adapt_backbone: bool = True,
        value_range: tuple[float, float] | None = (0, 255),
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_vector_backbone(backbone)
        if inner_steps < 1 or (predict_steps or 1) < 1:
            raise MetazooError(
                "inner_steps and predict_steps must be 1 or more; got "
                f"{inner_steps} and {predict_steps}."
            )
        if not first_order and normalization != "moving":
            require_exact(backbone)
        super().__init__(
            backbone,
            num_ways,
            head=head,
            normalization=normalization,
            adapt_backbone=adapt_backbone,
            value_range=value_range,
            name=name,
            **kwargs,
        )
        self.inner_steps = inner_steps
        self.inner_learning_rate = inner_learning_rate
        self.predict_steps = predict_steps
        self.first_order = first_order

    @property
    def second_order(self) -> bool:  # type: ignore[override]
        """Whether training differentiates through inner gradients."""
        return not self.first_order

    def adapt_task(
        self,
        weights: list[tf.Tensor],
        x: tf.Tensor,
        y: tf.Tensor,
        class_mask: tf.Tensor,
    ) -> list[tf.Tensor]:
        """Gradient descent on the support loss; see `InnerLoopLearner`."""
        steps = self.predict_steps or self.inner_steps
        rate = self.inner_learning_rate

        def loss(weights: list[tf.Tensor]) -> tf.Tensor:
            return self.task_loss(weights, x, y, class_mask)

        if steps > MAX_UNROLLED_STEPS:
            return functional.inner_sgd_loop(loss, weights, steps, rate)
        return functional.inner_sgd(loss, weights, steps, rate, True)

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Query loss after the inner steps (algorithm 2, line 10)."""
        initial = self.initial_weights(num_ways)
        class_mask = class_mask_of(
            episode.support_y, episode.support_mask, num_ways
        )

        def one(task: Any) -> tf.Tensor:
            return self._query_logits(initial, Episode(*task[:-1]), task[-1])

        tasks = (*episode.labelled_parts, class_mask)
        if episode.support_y.shape[0] == 1:
            logits = one(tuple(part[0] for part in tasks))[None]
        else:
            spec = tf.TensorSpec([None, None], self.logits_dtype)
            logits = tf.map_fn(one, tasks, fn_output_signature=spec)
        return self.query_loss(episode, logits), logits

    def _query_logits(
        self, initial: list[tf.Tensor], task: Episode, class_mask: tf.Tensor
    ) -> tf.Tensor:
        """Logits of one task's queries; zeros where a query is padding."""
        support_x = tf.boolean_mask(task.support_x, task.support_mask)
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
        query_x = tf.boolean_mask(task.query_x, task.query_mask)
        moments = self.query_moments(weights, support_x)
        logits = self.task_logits(weights, query_x, class_mask, moments)
        rows = tf.cast(tf.where(task.query_mask), tf.int32)
        shape = [tf.shape(task.query_mask)[0], tf.shape(logits)[1]]
        return tf.scatter_nd(rows, logits, shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "inner_steps": self.inner_steps,
            "inner_learning_rate": self.inner_learning_rate,
            "predict_steps": self.predict_steps,
            "first_order": self.first_order,
        }
