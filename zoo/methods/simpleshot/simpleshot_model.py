"""SimpleShot: a supervised network's features, and class means."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.errors import MetazooError
from metazoo.learners.prototype import PrototypeLearner

# Share of the old mean that one training step keeps.
MOMENTUM = 0.99


@keras.saving.register_keras_serializable(package="metazoo")
class SimpleShot(PrototypeLearner):
    """Supervised features with nearest class means (Wang et al. 2019).

    Shared: a backbone, trained with a linear layer to classify the training
    classes. Adapted: the mean feature of each class; queries go to the
    nearest one. Features are centred by their mean over the training classes
    and L2-normalised first (section 3, "CL2N"). The linear layer serves
    training alone; the backbone is of use to every method that takes
    features.

    Training tasks are labelled batches (`metazoo.data.LabelledSampler`):
    labels are class numbers of the training set, and a support is not used.

    Args:
        backbone: Keras model from one example to a feature vector.
        num_classes: training classes.
        label_smoothing: share of each target that is spread over all
            classes.
        num_ways: fixed number of classes of a task, or None for any.
        value_range: (low, high) of the raw values the backbone takes.
        name: name of the model.

    Example:

    ```python
    learner = metazoo.SimpleShot(backbone, num_classes=64)
    learner.compile(optimizer="adam")
    source = LabelledSampler(data, num_examples=64)
    metazoo.trainers.Trainer(learner).fit(source, num_tasks=1, steps=1000)
    ```

    Reference:
        Wang, Chao, Weinberger, van der Maaten: SimpleShot: Revisiting
        Nearest-Neighbor Classification for Few-Shot Learning, 2019,
        https://arxiv.org/abs/1911.04623
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int,
        label_smoothing: float = 0.0,
        num_ways: int | None = None,
        value_range: tuple[float, float] | None = (0, 255),
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if num_classes < 2 or not 0.0 <= label_smoothing < 1.0:
            raise MetazooError(
                "num_classes must be 2 or more and label_smoothing in "
                f"[0, 1); got {num_classes} and {label_smoothing}."
            )
        super().__init__(backbone, num_ways, value_range, name, **kwargs)
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        size = backbone.output_shape[-1]
        self.head = keras.layers.Dense(num_classes, name="head")
        self.head.build((None, size))
        self.feature_mean = self.add_weight(
            shape=(size,),
            initializer="zeros",
            trainable=False,
            aggregation="mean",
            name="feature_mean",
        )
        self.build()

    def embed(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Features; centred and of length one outside training.

        Args:
            x: float [tasks, examples, *features], raw values.
            training: whether normalisation uses batch statistics.

        Returns:
            float32 [tasks, examples, embedding].
        """
        z = super().embed(x, training)
        if training:
            return z
        return tf.math.l2_normalize(z - self.feature_mean, axis=-1)

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cross entropy of the training classes; see `EpisodicTraining`."""
        x = tf.cast(episode.query_x, tf.float32)
        z = self.embed(x, training=True)
        self._follow_mean(tf.stop_gradient(z))
        logits = tf.cast(self.head(z), self.logits_dtype)
        loss = self.query_loss(episode, logits)
        if self.label_smoothing:
            share = self.label_smoothing
            even = -tf.reduce_mean(tf.nn.log_softmax(logits), -1)
            real = tf.cast(episode.query_mask, even.dtype)
            even = tf.reduce_sum(even * real) / tf.reduce_sum(real)
            loss = (1.0 - share) * loss + share * even
        return loss, logits

    def _follow_mean(self, z: tf.Tensor) -> None:
        mean = tf.reduce_mean(z, axis=[0, 1])
        old = self.feature_mean
        old.assign(MOMENTUM * old + (1.0 - MOMENTUM) * mean)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "label_smoothing": self.label_smoothing,
        }
