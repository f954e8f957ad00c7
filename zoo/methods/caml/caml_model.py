"""CAML: MAML whose features are modulated by each image's metric place."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.data.episode import Episode
from metazoo.layers.conditional_batch_normalization import (
    conditional_layers,
    modulated,
)
from metazoo.learners.unrolled import UnrolledLearner
from metazoo.losses import masked_cross_entropy
from metazoo.methods.caml.caml_modulation import (
    Conditioning,
    modulation_net,
    standardised,
)
from metazoo.methods.caml.caml_multitask import split_plain


@keras.saving.register_keras_serializable(package="metazoo")
class CAML(UnrolledLearner):
    """Conditional class-aware meta-learning (Jiang et al. 2019).

    Shared: a metric network, trained before and frozen; the initial weights
    of a backbone; a net from an image's place in the metric space to the
    scale and shift of each channel. Adapted: the backbone's weights and the
    head, by gradient descent on the support loss as in MAML. Each image is
    modulated by its own place, never by a label, so queries are treated as
    the support is.

    Args:
        backbone: Keras model from one example to features, with
            `ConditionalBatchNormalization` layers, such as
            `conv4(normalization="conditional")`.
        metric: Keras model from the same examples to a vector; its
            `trainable` is set to False, and it runs in inference mode.
        num_ways: fixed number of classes; None for any, but with "columns".
        head: "zero", "columns", "shared" or "none"; see `InnerLoopLearner`.
            A column that all classes share changes no probability, so
            "zero" is the paper's tiled head without its idle variables.
        inner_steps: gradient steps in training.
        inner_learning_rate: step size.
        predict_steps: gradient steps of `adapt`; by default `inner_steps`.
        first_order: leave out second derivatives.
        normalization: "support", "transductive" or "moving"; see
            `InnerLoopLearner`.
        standardize: bring each embedding to mean 0 and root mean square 1.
        modulation_size: width of the hidden layer of the modulating net; by
            default that of the embedding.
        modulation_l2: penalty on the squares of its last layer.
        multitask_classes: training classes, for the multitask term.
        multitask_examples: plain examples of each training episode; see
            `MultitaskSampler`.
        multitask_weight: weight of the cross entropy of a linear classifier
            of all training classes on the features before adaptation; 0
            for none.
        **kwargs: `adapt_backbone`, `value_range` and `name`, as for
            `InnerLoopLearner`.

    Raises:
        MetazooError: the backbone can't be modulated, or the metric network
            takes other examples.
        SecondOrderError: second order, and the backbone holds a layer whose
            second derivative is wrong.

    Example:

    ```python
    backbone = metazoo.layers.conv4((28, 28, 1), normalization="conditional")
    metric = metazoo.from_preset("protonet_conv4_omniglot").backbone
    learner = metazoo.CAML(backbone, metric)
    ```

    Reference:
        Jiang, Havaei, Varno, Chartrand, Chapados, Matwin: Learning to Learn
        with Conditional Class Dependencies, ICLR 2019,
        https://openreview.net/forum?id=BJfOXnActQ
    """

    def __init__(
        self,
        backbone: keras.Model,
        metric: keras.Model,
        num_ways: int | None = None,
        head: str = "zero",
        inner_steps: int = 5,
        inner_learning_rate: float = 0.1,
        predict_steps: int | None = None,
        first_order: bool = False,
        normalization: str = "support",
        standardize: bool = True,
        modulation_size: int | None = None,
        modulation_l2: float = 0.0,
        multitask_classes: int = 0,
        multitask_examples: int = 0,
        multitask_weight: float = 0.0,
        **kwargs: Any,
    ) -> None:
        given = Conditioning(
            metric,
            modulation_size,
            modulation_l2,
            standardize,
            multitask_classes,
            multitask_examples,
            multitask_weight,
        ).check(backbone)
        # Keras tracks nothing yet; `_make_head` makes the parts in time.
        self.keep_untracked("_conditioning", given)
        super().__init__(
            backbone,
            num_ways,
            head,
            first_order,
            inner_steps=inner_steps,
            inner_learning_rate=inner_learning_rate,
            predict_steps=predict_steps,
            normalization=normalization,
            **kwargs,
        )

    def _make_head(self) -> None:
        """Makes the head, and the parts that condition the backbone."""
        super()._make_head()
        given = self._conditioning
        self.metric = given.metric
        self.metric.trainable = False
        # It shares all layers with the backbone: not tracked twice.
        self.keep_untracked("_modulated", modulated(self.backbone))
        layers = conditional_layers(self.backbone)
        self.modulation = modulation_net(
            int(self.metric.output_shape[-1]),
            [int(layer.gamma.shape[0]) for layer in layers],
            given.modulation_size,
            given.modulation_l2,
            self.variable_dtype,
        )

        if given.multitask_weight:
            size = self.backbone.output_shape[-1]
            self.class_head = keras.layers.Dense(
                given.multitask_classes,
                dtype=self.variable_dtype,
                name="class_head",
            )
            self.class_head.build((None, size))

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Query loss, and the multitask term; see `EpisodicTraining`."""
        given = self._conditioning
        if not given.multitask_weight:
            return super().meta_loss(episode, num_ways)
        episode, x, y = split_plain(episode, given.multitask_examples)
        loss, logits = super().meta_loss(episode, num_ways)
        return loss + given.multitask_weight * self._class_loss(x, y), logits

    def _class_loss(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Mean cross entropy of the training classes, a scalar."""
        flat = [
            tf.reshape(part, tf.concat([[-1], tf.shape(part)[2:]], 0))
            for part in self.prepared(x)
        ]
        inputs = [
            tf.ensure_shape(part, spec.shape)
            for part, spec in zip(flat, self.fast_model.inputs, strict=True)
        ]
        weights = functional.weights_of(self.fast_model)
        z, _ = functional.call(self.fast_model, *weights, inputs)
        logits = tf.cast(self.class_head(z), self.logits_dtype)
        labels = tf.reshape(y, [-1])
        return masked_cross_entropy(labels, logits, labels >= 0)

    @property
    def fast_model(self) -> keras.Model:
        """The backbone, with the modulation as a second input."""
        return self._modulated

    def embed(self, x: tf.Tensor) -> tf.Tensor:
        """Places of examples in the metric space; nothing is trained here.

        Args:
            x: float32 [tasks, examples, *features], raw values.

        Returns:
            [tasks, examples, embedding], of the learner's own dtype.
        """
        shape = tf.shape(x)
        flat = tf.reshape(x, tf.concat([[-1], shape[2:]], 0))
        flat = tf.ensure_shape(flat, [None, *self.example_shape])
        z = tf.stop_gradient(self.metric(flat, training=False))
        z = tf.cast(z, self.variable_dtype)
        if self._conditioning.standardize:
            z = standardised(z)
        return tf.reshape(z, [shape[0], shape[1], z.shape[-1]])

    def prepared(self, x: tf.Tensor) -> list[tf.Tensor]:
        """Examples and their modulation [tasks, examples, 2 * channels]."""
        z = self.embed(x)
        shape = tf.shape(z)
        changes = self.modulation(tf.reshape(z, [-1, z.shape[-1]]))
        size = changes.shape[-1]
        return [x, tf.reshape(changes, [shape[0], shape[1], size])]

    def modulation_report(self, episode: Episode) -> dict[str, tf.Tensor]:
        """How strongly the support examples of some tasks are modulated.

        Args:
            episode: tasks without padding.

        Returns:
            float32 [tasks] each: `changes`, the root mean square of scales
            and shifts, and `negative`, the share of channels whose scale,
            with the layer's own before adaptation, is below 0.
        """
        changes = self.prepared(tf.cast(episode.support_x, tf.float32))[1]
        negative, total, start = 0.0, 0, 0
        for layer in conditional_layers(self.backbone):
            size = int(layer.gamma.shape[0])
            scale = layer.gamma + changes[..., start : start + size]
            below = tf.cast(scale < 0.0, tf.float32)
            negative += tf.reduce_sum(tf.reduce_mean(below, 1), -1)
            total, start = total + size, start + 2 * size
        square = tf.reduce_mean(tf.square(changes), [1, 2])
        return {
            "changes": tf.cast(tf.sqrt(square), tf.float32),
            "negative": negative / total,
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        given = self._conditioning
        return {
            **super().get_config(),
            **given._asdict(),
            "metric": keras.saving.serialize_keras_object(self.metric),
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> Any:
        """Rebuilds a learner from `get_config`."""
        metric = keras.saving.deserialize_keras_object(
            config["metric"], custom_objects=custom_objects
        )
        return super().from_config({**config, "metric": metric}, custom_objects)
