"""What Leap is compared with: the gradient at the end of the path alone."""

from __future__ import annotations

import keras
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.methods.leap.leap_model import Leap
from metazoo.methods.leap.leap_path import sgd


@keras.saving.register_keras_serializable(package="metazoo")
class FirstOrderControl(Leap):
    """First-order MAML (Finn et al. 2017, section 5.2) on Leap's tasks.

    The pseudo gradient is that of the last step's mini-batch, before the
    step, as in the released code of Leap. Everything else is Leap's, so that
    nothing but the outer update differs. With few `inner_steps` and many
    `predict_steps` it is the short-horizon MAML of the paper's comparison.
    Its arguments are Leap's; switches of the path change nothing.
    """

    def follow_path(
        self, initial: list[tf.Tensor], task: Episode, class_mask: tf.Tensor
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Gradient at the last step; see `PathLearner`."""
        # Without a rule a walk keeps no gradient, so the last step is here.
        before = self.walk_task(
            initial, task, class_mask, steps=self.inner_steps - 1
        )
        loss_fn = self.batch_loss(task, class_mask)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(before.weights)
            loss, moments = loss_fn(before.weights, before.buffers, before.step)
        gradients = tape.gradient(
            loss, before.weights, unconnected_gradients="zero"
        )
        update = sgd(self.inner_learning_rate)
        weights, _ = update(before.weights, gradients, ())
        own = gradients[: len(self.fast_variables)]
        end = before._replace(step=before.step + 1, buffers=moments)
        return [*weights, *self.gathered(end)], self.with_head(own, initial)
