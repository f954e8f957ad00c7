"""Learners whose backbone gives one vector for each example."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo.checks.backbones import check_vector_backbone
from metazoo.contracts.episodic import EpisodicLearner


class EmbeddingLearner(EpisodicLearner):
    """A learner that compares embeddings.

    Args:
        backbone: Keras model from one example to a feature vector.
        *args: as for `EpisodicLearner`.
        **kwargs: as for `EpisodicLearner`.
    """

    def __init__(
        self, backbone: keras.Model, *args: Any, **kwargs: Any
    ) -> None:
        check_vector_backbone(backbone)
        super().__init__(backbone, *args, **kwargs)

    @property
    def embedding_size(self) -> int:
        """Number of features of an embedding."""
        return int(self.backbone.output_shape[-1])

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
        return tf.reshape(z, [shape[0], shape[1], self.embedding_size])
