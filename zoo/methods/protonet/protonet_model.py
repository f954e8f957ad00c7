"""Prototypical networks: a class is the mean embedding of its examples."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.learners.prototype import (
    PrototypeLearner,
    negative_distances,
    prototypes_of,
)


@keras.saving.register_keras_serializable(package="metazoo")
class ProtoNet(PrototypeLearner):
    """Prototypical networks (Snell, Swersky and Zemel 2017).

    Shared: the backbone. Adapted: one prototype per class, the mean
    embedding of its support examples (equation 1); a query's logits are the
    negative squared Euclidean distances to the prototypes (equation 2).
    Any number of ways and shots, also unequal shots.

    Args:
        backbone: Keras model from one example to a feature vector.
        num_ways: fixed number of classes, or None for any.
        value_range: (low, high) of the raw values the backbone takes.
        name: name of the model.

    Example:

    ```python
    learner = metazoo.ProtoNet(metazoo.layers.conv4((28, 28, 1)))
    adapted = learner.adapt(support_x, support_y)
    probabilities = adapted.predict(query_x)
    ```

    Reference:
        Snell, Swersky, Zemel: Prototypical Networks for Few-shot Learning,
        NIPS 2017, https://arxiv.org/abs/1703.05175
    """

    def __init__(
        self, backbone: keras.Model, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(backbone, *args, **kwargs)
        self.build()

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cross entropy of the queries, support and queries in one pass."""
        support = tf.shape(episode.support_x)[1]
        both = tf.concat([episode.support_x, episode.query_x], axis=1)
        z = self.embed(tf.cast(both, tf.float32), training=True)
        state = prototypes_of(
            z[:, :support], episode.support_y, episode.support_mask, num_ways
        )
        logits = negative_distances(z[:, support:], state)
        return self.query_loss(episode, logits), logits
