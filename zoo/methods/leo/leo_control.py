"""Meta-SGD on the same features: what LEO's ablation starts from."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.errors import MetazooError
from metazoo.methods.leo.leo_classifier import FeatureClassifier
from metazoo.methods.leo.leo_inner import Support, support_gradient
from metazoo.methods.leo.leo_noise import NoNoise

FIRST_RATE = 0.1


@keras.saving.register_keras_serializable(package="metazoo")
class LinearMetaSGD(FeatureClassifier):
    """Meta-SGD (Li et al. 2017, arXiv:1707.09835) on a linear classifier.

    Shared: the initial weights of each class and a step size for each of
    them. Adapted: the weights, by gradient steps on the support loss.

    Args:
        backbone: Keras model from one example to a feature vector.
        num_ways: number of classes; here it must be fixed.
        inner_steps: gradient steps.
        value_range: (low, high) of the raw values the backbone takes.
        name: name of the model.
    """

    second_order = True
    skips_bad_updates = True

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int,
        inner_steps: int = 10,
        value_range: tuple[float, float] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if num_ways is None or inner_steps < 1:
            raise MetazooError(
                "num_ways must be fixed and inner_steps 1 or more; got "
                f"{num_ways} and {inner_steps}."
            )
        super().__init__(backbone, num_ways, value_range, name, **kwargs)
        self.inner_steps = inner_steps
        shape = (num_ways, self.feature_size)
        self.initial_weights = self.add_weight(
            shape=shape, initializer="glorot_uniform", name="initial_weights"
        )
        self.rates = self.add_weight(
            shape=shape,
            initializer=keras.initializers.Constant(FIRST_RATE),
            name="rates",
        )
        self.build()

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Weights after the inner steps; see `EpisodicLearner`."""
        members = self.members(support_y, support_mask, num_ways)
        support = Support(self.embed(support_x), members, NoNoise())
        weights = tf.zeros_like(members.present)[..., None]
        weights += self.initial_weights
        for _ in range(self.inner_steps):
            _, gradient = support_gradient(weights, support)
            weights -= self.rates * gradient / members.shots[..., None]
        return self.classifier_state(weights, members)

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Query loss after the inner steps."""
        state = self.adapt_state(
            episode.support_x, episode.support_y, episode.support_mask, num_ways
        )
        logits = self.logits_from_state(episode.query_x, state)
        return self.query_loss(episode, logits), logits

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "inner_steps": self.inner_steps}
