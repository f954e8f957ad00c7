"""Learners that adapt by gradient steps on a copy of their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.episodic import EpisodicLearner
from metazoo.errors import MetazooError
from metazoo.losses import class_mask_of, mask_logits, masked_cross_entropy

HEADS = ("columns", "shared", "none")
NORMALIZATIONS = ("transductive", "support_and_query", "moving")


class InnerLoopLearner(EpisodicLearner):
    """A backbone and a linear head whose weights adapt to each task.

    The adapted weights are values, never variables: the state of a task is
    one tensor per weight (`weight_00`, `weight_01`, ... in the order of
    `fast_variables`) and the mask of its classes.

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
            on the other queries of its task; "support_and_query" scores
            each query together with the whole support set, which the state
            then carries (Nichol et al. 2018, section 6.1, without
            transduction); "moving" uses the moving statistics the backbone
            holds.
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
        _check_choice("head", head, HEADS)
        _check_choice("normalization", normalization, NORMALIZATIONS)
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
        self, weights: list[tf.Tensor], x: tf.Tensor, class_mask: tf.Tensor
    ) -> tf.Tensor:
        """Scores the examples of one task with given weights.

        Args:
            weights: one tensor per `fast_variables`.
            x: float32 [examples, *features].
            class_mask: float32 [ways].

        Returns:
            float32 [examples, ways].
        """
        trainable, others = functional.weights_of(self.backbone)
        if self.adapt_backbone:
            trainable = weights[: len(trainable)]
        outputs, _ = functional.call(
            self.backbone,
            trainable,
            others,
            x,
            training=self.normalization != "moving",
        )
        outputs = tf.cast(outputs, self.logits_dtype)
        if self.head != "none":
            outputs = tf.matmul(outputs, weights[-2]) + weights[-1]
        return mask_logits(outputs, class_mask)

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
            return self.adapt_task(initial, x, y, classes)

        weights = tf.map_fn(
            one,
            (support_x, support_y, support_mask, class_mask),
            fn_output_signature=[
                tf.TensorSpec(w.shape, w.dtype) for w in initial
            ],
        )
        state = dict(zip(self._weight_names(), weights, strict=True))
        state["class_mask"] = class_mask
        if self.normalization == "support_and_query":
            state["support_x"] = support_x
            state["support_mask"] = support_mask
        return state

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Scores the queries of every task; see `EpisodicLearner`."""

        def one(task: Any) -> tf.Tensor:
            weights = [task[name] for name in self._weight_names()]
            if self.normalization == "support_and_query":
                return self._logits_beside_support(weights, task)
            return self.task_logits(
                weights, task["query_x"], task["class_mask"]
            )

        return tf.map_fn(
            one,
            {**state, "query_x": query_x},
            fn_output_signature=tf.TensorSpec([None, None], self.logits_dtype),
        )

    def _logits_beside_support(
        self, weights: list[tf.Tensor], task: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Scores each query in one batch with the real support examples."""
        support_x = tf.boolean_mask(task["support_x"], task["support_mask"])

        def one(query: tf.Tensor) -> tf.Tensor:
            batch = tf.concat([support_x, query[None]], 0)
            return self.task_logits(weights, batch, task["class_mask"])[-1]

        spec = tf.TensorSpec([None], self.logits_dtype)
        return tf.map_fn(one, task["query_x"], fn_output_signature=spec)

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`weight_NN` for each fast weight, and `class_mask`."""
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
        spec["class_mask"] = tf.TensorSpec(
            [None, ways], tf.float32, "class_mask"
        )
        if self.normalization == "support_and_query":
            shape = [None, None, *self.example_shape]
            spec["support_x"] = tf.TensorSpec(shape, tf.float32, "support_x")
            spec["support_mask"] = tf.TensorSpec(
                [None, None], tf.bool, "support_mask"
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

    def _weight_names(self) -> list[str]:
        return [f"weight_{i:02d}" for i in range(len(self.fast_variables))]


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise MetazooError(
            f"{name} must be one of {list(choices)}; got {value!r}."
        )


def _ways_of_head(
    backbone: keras.Model, num_ways: int | None, head: str
) -> int | None:
    shape = backbone.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise MetazooError(
            f"backbone must give one vector per example; its output shape is "
            f"{shape}. End it with a pooling or Flatten layer."
        )
    if head == "columns" and num_ways is None:
        raise MetazooError("head='columns' needs num_ways; or use 'shared'.")
    if head != "none":
        return num_ways
    if num_ways not in (None, shape[-1]):
        raise MetazooError(
            f"num_ways is {num_ways}, but head='none' and the backbone gives "
            f"{shape[-1]} logits."
        )
    return shape[-1]


def _refuse_dropout(backbone: keras.Model) -> None:
    names = [
        layer.name
        for layer in backbone._flatten_layers()
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0
    ]
    if names:
        raise MetazooError(
            f"backbone drops units in layers {names}, and batch statistics "
            "(normalization='transductive') need training mode, which would "
            "drop them at prediction too. Remove them or use 'moving'."
        )
