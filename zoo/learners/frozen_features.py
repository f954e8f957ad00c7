"""Learners on a backbone that is never trained."""

from __future__ import annotations

from typing import Any, Self

import keras
import tensorflow as tf

from metazoo.checks.backbones import check_vector_backbone
from metazoo.contracts.episodic import EpisodicLearner


class FrozenBackbone(EpisodicLearner):
    """The backbone stays as it is.

    It runs in inference mode and no gradient goes through it, in training as
    in an exported graph.

    Args:
        backbone: Keras model from one example to a feature vector; its
            `trainable` is set to False.
        *args: as for `EpisodicLearner`.
        **kwargs: as for `EpisodicLearner`.
    """

    def __init__(
        self, backbone: keras.Model, *args: Any, **kwargs: Any
    ) -> None:
        check_vector_backbone(backbone)
        super().__init__(backbone, *args, **kwargs)
        backbone.trainable = False

    @property
    def feature_size(self) -> int:
        """Entries of a feature vector."""
        return self.backbone.output_shape[-1]

    def embed(self, x: tf.Tensor) -> tf.Tensor:
        """Features of examples.

        Args:
            x: float [tasks, examples, *features], raw values.

        Returns:
            [tasks, examples, feature_size], of the learner's own dtype.
        """
        shape = tf.shape(x)
        flat = tf.reshape(x, tf.concat([[-1], shape[2:]], 0))
        flat = tf.ensure_shape(flat, [None, *self.example_shape])
        z = tf.stop_gradient(self.backbone(flat, training=False))
        z = tf.reshape(z, [*_leading(x), self.feature_size])
        return tf.cast(z, self.variable_dtype)

    def with_backbone(
        self,
        backbone: keras.Model,
        value_range: tuple[float, float] | None = (0, 255),
    ) -> Self:
        """The same learner on what a backbone takes, such as images.

        Args:
            backbone: gives the features that this learner was trained on.
            value_range: (low, high) of the raw values it takes.

        Returns:
            A learner with copies of this one's weights.
        """
        config = {**self.get_config(), "value_range": value_range}
        config["backbone"] = backbone
        made = type(self)(**config)
        own = zip(
            made.trainable_variables, self.trainable_variables, strict=True
        )
        for variable, value in own:
            variable.assign(value)
        return made


class FrozenFeatures(FrozenBackbone):
    """Takes L2-normalised features; the backbone stays as it is."""

    adapts_by_gradient = True

    def embed(self, x: tf.Tensor) -> tf.Tensor:
        """Features of length one.

        Args:
            x: float [tasks, examples, *features], raw values.

        Returns:
            [tasks, examples, feature_size], of the learner's own dtype.
        """
        return tf.math.l2_normalize(super().embed(x), axis=-1)


def _leading(x: tf.Tensor) -> list[Any]:
    """Tasks and examples, static where they are known."""
    dynamic = tf.unstack(tf.shape(x)[:2])
    static = x.shape[:2]
    return [d if s is None else s for s, d in zip(static, dynamic, strict=True)]
