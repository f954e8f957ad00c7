"""Prototypical networks: a class is the mean embedding of its examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from metazoo.backbone_checks import check_vector_backbone
from metazoo.data.episode import Episode
from metazoo.episodic import EpisodicLearner
from metazoo.losses import class_mask_of, mask_logits


@keras.saving.register_keras_serializable(package="metazoo")
class ProtoNet(EpisodicLearner):
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
        check_vector_backbone(backbone)
        super().__init__(backbone, *args, **kwargs)
        self.build()

    def embed(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Embeds the examples of all tasks in one pass.

        Args:
            x: float [tasks, examples, *features], raw values.
            training: whether normalisation uses batch statistics.

        Returns:
            float32 [tasks, examples, embedding].
        """
        shape = tf.shape(x)
        flat = tf.reshape(x, tf.concat([[-1], shape[2:]], 0))
        flat = tf.ensure_shape(flat, [None, *self.example_shape])
        z = tf.cast(self.backbone(flat, training=training), tf.float32)
        size = self.backbone.output_shape[-1]
        return tf.reshape(z, [shape[0], shape[1], size])

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Prototypes of each task; see `EpisodicLearner.adapt_state`."""
        return _prototypes(
            self.embed(support_x), support_y, support_mask, num_ways
        )

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Negative squared distances; see `EpisodicLearner`."""
        return _negative_distances(self.embed(query_x), state)

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`prototypes` [tasks, ways, embedding], `class_mask`."""
        size, ways = self.backbone.output_shape[-1], self.num_ways
        return {
            "prototypes": tf.TensorSpec(
                [None, ways, size], tf.float32, "prototypes"
            ),
            "class_mask": tf.TensorSpec([None, ways], tf.float32, "class_mask"),
        }

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cross entropy of the queries, support and queries in one pass."""
        support = tf.shape(episode.support_x)[1]
        both = tf.concat([episode.support_x, episode.query_x], axis=1)
        z = self.embed(tf.cast(both, tf.float32), training=True)
        state = _prototypes(
            z[:, :support], episode.support_y, episode.support_mask, num_ways
        )
        logits = _negative_distances(z[:, support:], state)
        return self.query_loss(episode, logits), logits


def _prototypes(
    z: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor, num_ways: Any
) -> dict[str, tf.Tensor]:
    members = tf.one_hot(labels, num_ways, dtype=tf.float32)
    members *= tf.cast(mask, tf.float32)[..., None]
    counts = tf.reduce_sum(members, axis=1)
    sums = tf.matmul(members, z, transpose_a=True)
    return {
        "prototypes": tf.math.divide_no_nan(sums, counts[..., None]),
        "class_mask": class_mask_of(labels, mask, num_ways),
    }


def _negative_distances(
    z: tf.Tensor, state: Mapping[str, tf.Tensor]
) -> tf.Tensor:
    prototypes = state["prototypes"]
    cross = tf.matmul(z, prototypes, transpose_b=True)
    z_norm = tf.reduce_sum(tf.square(z), -1)[..., None]
    p_norm = tf.reduce_sum(tf.square(prototypes), -1)[:, None, :]
    return mask_logits(2.0 * cross - z_norm - p_norm, state["class_mask"])
