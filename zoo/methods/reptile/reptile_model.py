"""Reptile: move the initialisation towards the weights tasks end up with."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.backbone_checks import check_vector_backbone
from metazoo.data.episode import Episode
from metazoo.errors import MetazooError
from metazoo.inner_loop import InnerLoopLearner
from metazoo.losses import class_mask_of


@keras.saving.register_keras_serializable(package="metazoo")
class Reptile(InnerLoopLearner):
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
        check_vector_backbone(backbone)
        counts = (inner_steps, inner_batch_size, predict_steps or 1)
        if min(counts) < 1:
            raise MetazooError(
                "inner_steps, inner_batch_size and predict_steps must be 1 "
                f"or more; got {counts}."
            )
        super().__init__(
            backbone,
            num_ways,
            head=head,
            normalization=normalization,
            value_range=value_range,
            name=name,
            **kwargs,
        )
        self.inner_steps = inner_steps
        self.inner_batch_size = inner_batch_size
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
        return functional.inner_sgd_loop(
            lambda w: self.task_loss(w, x, y, class_mask),
            weights,
            self.predict_steps or self.inner_steps,
            self.inner_learning_rate,
        )

    def chunk_gradients(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Displacement of the weights in place of a gradient.

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

        def one(task: Any) -> Any:
            adapted = self._train_task(initial, Episode(*task[:-1]), task[-1])
            moved = [
                (a - b) / self.inner_learning_rate
                for a, b in zip(initial, adapted, strict=True)
            ]
            return self.task_logits(adapted, task[2], task[-1]), moved

        specs = [tf.TensorSpec(w.shape, w.dtype) for w in initial]
        logits_spec = tf.TensorSpec([None, None], self.logits_dtype)
        logits, moved = tf.map_fn(
            one,
            (*episode.labelled_parts, classes),
            fn_output_signature=(logits_spec, specs),
            parallel_iterations=1,
        )
        # The chain rule through `initial` sums what a shared column moved.
        gradients = tape.gradient(
            initial,
            [v.value for v in self.trainable_variables],
            output_gradients=[tf.reduce_mean(m, 0) for m in moved],
            unconnected_gradients="zero",
        )
        return self.query_loss(episode, logits), logits, gradients

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
        return {
            **config,
            "inner_steps": self.inner_steps,
            "inner_batch_size": self.inner_batch_size,
            "inner_learning_rate": self.inner_learning_rate,
            "predict_steps": self.predict_steps,
        }
