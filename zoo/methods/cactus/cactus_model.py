"""CACTUs-MAML: an initialisation learned on tasks made of clusters."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.checks.options import check_choice
from metazoo.layers.nested import layers_of
from metazoo.methods.cactus.cactus_wire import CACTUsWire

HEAD_INITIALIZERS = ("normal", "glorot")
TRAINING = ("transductive", "support")


@keras.saving.register_keras_serializable(package="metazoo")
class CACTUs(CACTUsWire):
    """CACTUs-MAML (Hsu, Levine and Finn 2019).

    How unlabelled images become tasks is the business of `CACTUsRecipe`;
    this is the learner that is trained on them, and served. Shared: all
    initial weights. Adapted: convolutions and head, by gradient descent on
    the support loss; offsets of the normalisation are learned and stay.

    The head has one column for each of `num_ways` classes. A task of fewer
    uses the first ones; the others are left out of the softmax in the inner
    steps too.

    Args:
        backbone: Keras model from one example to features, such as
            `conv4(normalization="offset")`.
        num_ways: the most classes of a task.
        inner_steps: gradient steps in training.
        inner_learning_rate: step size (alpha), of a loss that is summed over
            the classes and averaged over the examples of each: with N
            classes, N times the mean loss.
        predict_steps: gradient steps of `adapt`.
        first_order: leave out second derivatives.
        normalization: "support" answers each query for itself, with the
            statistics of the adapted support set; "transductive" with those
            of all queries of a task, as the authors' code.
        training_normalization: the same for queries in training.
        head_initializer: "normal" (deviation 1) or "glorot".
        **kwargs: `value_range` and `name`, as for `InnerLoopLearner`.

    Raises:
        SecondOrderError: second order, and the backbone holds a layer whose
            second derivative is wrong.

    Example:

    ```python
    backbone = metazoo.layers.conv4(
        (28, 28, 1), 32, downsampling="stride", pooling="average",
        normalization="offset",
    )
    learner = metazoo.CACTUs(backbone, num_ways=20)
    ```

    Reference:
        Hsu, Levine, Finn: Unsupervised Learning via Meta-Learning, ICLR
        2019, https://arxiv.org/abs/1810.02334
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int = 20,
        inner_steps: int = 5,
        inner_learning_rate: float = 0.05,
        predict_steps: int | None = 50,
        first_order: bool = False,
        normalization: str = "support",
        training_normalization: str = "transductive",
        head_initializer: str = "normal",
        **kwargs: Any,
    ) -> None:
        check_choice("head_initializer", head_initializer, HEAD_INITIALIZERS)
        check_choice("training_normalization", training_normalization, TRAINING)
        # Keras tracks nothing yet; the head's start reads it in time.
        self.keep_untracked("_initializer", head_initializer)
        super().__init__(
            backbone,
            num_ways,
            "columns",
            first_order,
            inner_steps=inner_steps,
            inner_learning_rate=inner_learning_rate,
            predict_steps=predict_steps,
            normalization=normalization,
            **kwargs,
        )
        self.training_normalization = training_normalization

    @property
    def fast_variables(self) -> list[keras.Variable]:
        """What a task adapts: all but the offsets, in state order."""
        fixed = self._norm_variables()
        variables = self.backbone.trainable_variables
        own = [v for v in variables if id(v) not in fixed]
        return [*own, *self.head_variables]

    def task_loss(
        self,
        weights: list[tf.Tensor],
        x: Any,
        y: tf.Tensor,
        class_mask: tf.Tensor,
    ) -> tf.Tensor:
        """Inner loss: the sum over classes of their mean cross entropy.

        Args:
            weights: one tensor per `fast_variables`.
            x: prepared [examples, ...].
            y: int64 [examples].
            class_mask: float32 [ways].
        """
        logits = self.task_logits(weights, x, class_mask)
        members = tf.one_hot(y, self.num_ways, dtype=logits.dtype)
        losses = tf.nn.softmax_cross_entropy_with_logits(members, logits)
        counts = tf.linalg.matvec(members, tf.reduce_sum(members, 0))
        return tf.reduce_sum(tf.math.divide_no_nan(losses, counts))

    def training_moments(
        self, weights: list[tf.Tensor], support_x: Any
    ) -> list[tf.Tensor] | None:
        """Statistics that normalise queries in training.

        Args:
            weights: the adapted weights.
            support_x: prepared [support, ...], real examples only.

        Returns:
            None for those of the queries themselves.
        """
        if self.training_normalization == "transductive":
            return None
        return self.query_moments(weights, support_x)

    def with_normalization(self, normalization: str) -> CACTUs:
        """A copy that answers queries in another way.

        Args:
            normalization: "support" or "transductive".
        """
        config = {**self.get_config(), "normalization": normalization}
        made = type(self).from_config(config)
        made.set_weights(self.get_weights())
        return made

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        # Fixed here: there is one head, and everything adapts.
        for name in ("head", "adapt_backbone"):
            del config[name]
        return {
            **config,
            "training_normalization": self.training_normalization,
            "head_initializer": self._initializer,
        }

    def _head_initializers(self) -> tuple[Any, Any]:
        if self._initializer == "normal":
            return keras.initializers.RandomNormal(stddev=1.0), "zeros"
        return keras.initializers.GlorotUniform(), "zeros"

    def _backbone_weights(self, weights: list[tf.Tensor]) -> list[tf.Tensor]:
        trainable, _ = functional.weights_of(self.backbone)
        fixed = self._norm_variables()
        adapted = iter(weights)
        return [
            value if id(variable) in fixed else next(adapted)
            for variable, value in zip(
                self.backbone.trainable_variables, trainable, strict=True
            )
        ]

    def _norm_variables(self) -> set[int]:
        return {
            id(variable)
            for layer in layers_of(self.backbone)
            if isinstance(layer, keras.layers.BatchNormalization)
            for variable in layer.trainable_variables
        }
