"""Learners that adapt by gradient steps on a copy of their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.backbone_checks import check_vector_backbone
from metazoo.episodic import EpisodicLearner
from metazoo.errors import MetazooError
from metazoo.losses import class_mask_of, mask_logits, masked_cross_entropy
from metazoo.option_checks import check_choice
from metazoo.support_moments import (
    batch_moments,
    moving_slots,
    with_moments,
)

HEADS = ("columns", "shared", "none")
NORMALIZATIONS = ("transductive", "support", "moving")


class InnerLoopLearner(EpisodicLearner):
    """A backbone and a linear head whose weights adapt to each task.

    The adapted weights are values, never variables: the state of a task is
    one tensor per weight (`weight_00`, `weight_01`, ... in the order of
    `fast_variables`) and the mask of its classes; with statistics of the
    support set, these too (`moment_00`, ...).

    Args:
        backbone: Keras model from one example to features [features], or to
            logits when `head` is "none".
        num_ways: fixed number of classes; needed for "columns", taken from
            the backbone for "none".
        head: "columns" meta-learns one column of the linear head per class
            (fixed ways); "shared" meta-learns a single column that every
            class starts from (any ways); "none" takes the backbone's output
            as logits.
        normalization: "transductive" normalises every call with the
            statistics of its own examples, so that a query's answer depends
            on the other queries of its task; "support" adapts likewise, and
            normalises queries with the statistics of the support set under
            the adapted weights, which the state then carries; "moving" uses
            the moving statistics the backbone holds.
        adapt_backbone: False adapts the head alone.
        value_range: (low, high) of the raw values the backbone takes.
        name: name of the model.
    """

    default_tasks_per_chunk = 1
    adapts_by_gradient = True

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int | None = None,
        head: str = "columns",
        normalization: str = "transductive",
        adapt_backbone: bool = True,
        value_range: tuple[float, float] | None = (0, 255),
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_vector_backbone(backbone)
        check_choice("head", head, HEADS)
        check_choice("normalization", normalization, NORMALIZATIONS)
        num_ways = _ways_of_head(backbone, num_ways, head)
        if head == "none" and not adapt_backbone:
            raise MetazooError(
                "adapt_backbone=False adapts the head alone, and "
                "head='none' has none."
            )
        super().__init__(backbone, num_ways, value_range, name=name, **kwargs)
        self.head = head
        self.normalization = normalization
        self.adapt_backbone = adapt_backbone
        if normalization != "moving":
            _refuse_dropout(backbone)
        self._make_head()
        self.build()

    @property
    def transductive(self) -> bool:  # type: ignore[override]
        """Whether a query's answer depends on the other queries."""
        return self.normalization == "transductive"

    @property
    def fast_variables(self) -> list[keras.Variable]:
        """The trainable variables that a task adapts, in state order."""
        head = [] if self.head == "none" else self.head_variables
        if not self.adapt_backbone:
            return head
        return [*self.backbone.trainable_variables, *head]

    def initial_weights(self, num_ways: Any) -> list[tf.Tensor]:
        """What adaptation starts from: values of `fast_variables`.

        Args:
            num_ways: number of columns of the head.
        """
        values = [tf.convert_to_tensor(v) for v in self.fast_variables]
        if self.head == "shared":
            kernel, bias = values[-2:]
            values[-2] = tf.tile(kernel, [1, num_ways])
            values[-1] = tf.tile(bias, [num_ways])
        return values

    def task_logits(
        self,
        weights: list[tf.Tensor],
        x: tf.Tensor,
        class_mask: tf.Tensor,
        moments: list[tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Scores the examples of one task with given weights.

        Args:
            weights: one tensor per `fast_variables`.
            x: float32 [examples, *features].
            class_mask: float32 [ways].
            moments: statistics to normalise with; None for those of `x`
                (or the moving ones, with `normalization="moving"`).

        Returns:
            float32 [examples, ways].
        """
        trainable = self._backbone_weights(weights)
        if moments is None:
            _, others = functional.weights_of(self.backbone)
        else:
            others = with_moments(self.backbone, moments)
        training = moments is None and self.normalization != "moving"
        outputs, _ = functional.call(
            self.backbone, trainable, others, x, training=training
        )
        outputs = tf.cast(outputs, self.logits_dtype)
        if self.head != "none":
            outputs = tf.matmul(outputs, weights[-2]) + weights[-1]
        return mask_logits(outputs, class_mask)

    def query_moments(
        self, weights: list[tf.Tensor], support_x: tf.Tensor
    ) -> list[tf.Tensor] | None:
        """Statistics that normalise the queries of a task.

        Args:
            weights: the adapted weights.
            support_x: float32 [support, *features], real examples only.

        Returns:
            Those of the support set; None unless `normalization` is
            "support".
        """
        if self.normalization != "support":
            return None
        trainable = self._backbone_weights(weights)
        return batch_moments(self.backbone, trainable, support_x)

    def task_loss(
        self,
        weights: list[tf.Tensor],
        x: tf.Tensor,
        y: tf.Tensor,
        class_mask: tf.Tensor,
    ) -> tf.Tensor:
        """Inner loss of one task: mean cross entropy, a scalar.

        Args:
            weights: one tensor per `fast_variables`.
            x: float32 [examples, *features].
            y: int64 [examples].
            class_mask: float32 [ways].
        """
        logits = self.task_logits(weights, x, class_mask)
        return masked_cross_entropy(y, logits, tf.ones_like(y, tf.bool))

    def adapt_task(
        self,
        weights: list[tf.Tensor],
        x: tf.Tensor,
        y: tf.Tensor,
        class_mask: tf.Tensor,
    ) -> list[tf.Tensor]:
        """Adapts to the support set of one task; first order.

        Args:
            weights: where to start.
            x: float32 [support, *features], real examples only.
            y: int64 [support].
            class_mask: float32 [ways].

        Returns:
            The adapted weights.
        """
        raise NotImplementedError

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Adapts to every task; see `EpisodicLearner.adapt_state`."""
        class_mask = class_mask_of(support_y, support_mask, num_ways)
        initial = self.initial_weights(num_ways)

        def one(task: Any) -> list[tf.Tensor]:
            x, y, mask, classes = task
            # Padding must not enter the batch statistics either.
            x, y = tf.boolean_mask(x, mask), tf.boolean_mask(y, mask)
            weights = self.adapt_task(initial, x, y, classes)
            return [*weights, *(self.query_moments(weights, x) or [])]

        spec = self.state_spec()
        names = [*self._weight_names(), *self._moment_names()]
        values = tf.map_fn(
            one,
            (support_x, support_y, support_mask, class_mask),
            fn_output_signature=[
                tf.TensorSpec(spec[name].shape[1:], spec[name].dtype)
                for name in names
            ],
        )
        state = dict(zip(names, values, strict=True))
        return {**state, "class_mask": class_mask}

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Scores the queries of every task; see `EpisodicLearner`."""

        def one(task: Any) -> tf.Tensor:
            weights = [task[name] for name in self._weight_names()]
            moments = [task[name] for name in self._moment_names()]
            return self.task_logits(
                weights, task["query_x"], task["class_mask"], moments or None
            )

        return tf.map_fn(
            one,
            {**state, "query_x": query_x},
            fn_output_signature=tf.TensorSpec([None, None], self.logits_dtype),
        )

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`weight_NN` per fast weight, `moment_NN`, and `class_mask`."""
        ways = self.num_ways
        variables = self.fast_variables
        shapes = [tuple(v.shape) for v in variables]
        if self.head == "shared":
            shapes[-2:] = [(shapes[-2][0], None), (None,)]
        names = self._weight_names()
        spec = {
            name: tf.TensorSpec([None, *shape], v.dtype, name)
            for name, shape, v in zip(names, shapes, variables, strict=True)
        }
        for name, (index, _) in zip(
            self._moment_names(), self._slots(), strict=True
        ):
            variable = self.backbone.non_trainable_variables[index]
            shape = [None, *variable.shape]
            spec[name] = tf.TensorSpec(shape, variable.dtype, name)
        spec["class_mask"] = tf.TensorSpec(
            [None, ways], tf.float32, "class_mask"
        )
        return spec

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "head": self.head,
            "normalization": self.normalization,
            "adapt_backbone": self.adapt_backbone,
        }

    def _make_head(self) -> None:
        if self.head == "none":
            self.head_variables = []
            return
        features = self.backbone.output_shape[-1]
        ways = 1 if self.head == "shared" else self.num_ways
        # Zero columns make every class equally likely before adaptation.
        kernel = self.add_weight(
            shape=(features, ways), initializer="zeros", name="head_kernel"
        )
        bias = self.add_weight(
            shape=(ways,), initializer="zeros", name="head_bias"
        )
        self.head_variables = [kernel, bias]

    def _backbone_weights(self, weights: list[tf.Tensor]) -> list[tf.Tensor]:
        trainable, _ = functional.weights_of(self.backbone)
        return weights[: len(trainable)] if self.adapt_backbone else trainable

    def _slots(self) -> list[tuple[int, float]]:
        support = self.normalization == "support"
        return moving_slots(self.backbone) if support else []

    def _weight_names(self) -> list[str]:
        return [f"weight_{i:02d}" for i in range(len(self.fast_variables))]

    def _moment_names(self) -> list[str]:
        return [f"moment_{i:02d}" for i in range(len(self._slots()))]


def _ways_of_head(
    backbone: keras.Model, num_ways: int | None, head: str
) -> int | None:
    if head == "columns" and num_ways is None:
        raise MetazooError("head='columns' needs num_ways; or use 'shared'.")
    if head != "none":
        return num_ways
    size = backbone.output_shape[-1]
    if num_ways not in (None, size):
        raise MetazooError(
            f"num_ways is {num_ways}, but head='none' and the backbone gives "
            f"{size} logits."
        )
    return size


def _refuse_dropout(backbone: keras.Model) -> None:
    names = [
        layer.name
        for layer in backbone._flatten_layers()
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0
    ]
    if names:
        raise MetazooError(
            f"backbone drops units in layers {names}, and batch statistics "
            "need training mode, which would drop them at prediction too. "
            "Remove them or use 'moving'."
        )
