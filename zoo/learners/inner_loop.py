"""Learners that adapt by gradient steps on a copy of their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.checks.backbones import check_vector_backbone
from metazoo.checks.options import check_choice
from metazoo.contracts.episodic import EpisodicLearner
from metazoo.errors import MetazooError
from metazoo.layers.nested import layers_of
from metazoo.learners.support_moments import (
    batch_moments,
    moving_slots,
    with_moments,
)
from metazoo.losses import class_mask_of, mask_logits, masked_cross_entropy

HEADS = ("columns", "shared", "zero", "none")
NORMALIZATIONS = ("transductive", "support", "moving")


class InnerLoopLearner(EpisodicLearner):
    """A backbone and a linear head whose weights adapt to each task.

    The adapted weights are values, never variables: the state of a task is
    one tensor per weight (`weight_00`, `weight_01`, ... in the order of
    `fast_variables`) and the mask of its classes; with statistics of the
    support set, these too (`moment_00`, ...).

    A method may compute something of each example once, before the inner
    steps: it overrides `prepared` and `fast_model`.

    Args:
        backbone: Keras model from one example to features [features], or to
            logits when `head` is "none".
        num_ways: fixed number of classes; needed for "columns", taken from
            the backbone for "none".
        head: "columns" meta-learns one column of the linear head per class
            (fixed ways); "shared" meta-learns a single column that every
            class starts from (any ways); "zero" meta-learns none: every
            task starts with columns of zeros (any ways); "none" takes the
            backbone's output as logits.
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
    def fast_model(self) -> keras.Model:
        """What turns prepared examples into features: the backbone."""
        return self.backbone

    @property
    def fast_variables(self) -> list[keras.Variable]:
        """The trainable variables that a task adapts, in state order."""
        head = [] if self.head == "none" else self.head_variables
        if not self.adapt_backbone:
            return head
        return [*self.fast_model.trainable_variables, *head]

    def prepared(self, x: tf.Tensor) -> Any:
        """What `fast_model` takes; computed once, before the inner steps.

        Args:
            x: float32 [tasks, examples, *features], raw values.

        Returns:
            A tensor [tasks, examples, ...] or a list of them; by default
            `x` itself. Each example's entry depends on that example alone.
        """
        return x

    def initial_weights(self, num_ways: Any) -> list[tf.Tensor]:
        """What adaptation starts from: values of `fast_variables`.

        Args:
            num_ways: number of columns of the head.

        Returns:
            One tensor per variable, then those of a head of zeros, if any.
        """
        values = [tf.convert_to_tensor(v) for v in self.fast_variables]
        if self.head == "zero":
            shapes = ([self._num_features, num_ways], [num_ways])
            values += [tf.zeros(one, self.variable_dtype) for one in shapes]
        if self.head == "shared":
            kernel, bias = values[-2:]
            values[-2] = tf.tile(kernel, [1, num_ways])
            values[-1] = tf.tile(bias, [num_ways])
        return values

    def task_logits(
        self,
        weights: list[tf.Tensor],
        x: Any,
        class_mask: tf.Tensor,
        moments: list[tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Scores the examples of one task with given weights.

        Args:
            weights: one tensor per `fast_variables`.
            x: prepared [examples, ...].
            class_mask: float32 [ways].
            moments: statistics to normalise with; None for those of `x`
                (or the moving ones, with `normalization="moving"`).

        Returns:
            float32 [examples, ways].
        """
        trainable = self._backbone_weights(weights)
        if moments is None:
            _, others = functional.weights_of(self.fast_model)
        else:
            others = with_moments(self.fast_model, moments)
        training = moments is None and self.normalization != "moving"
        outputs, _ = functional.call(
            self.fast_model, trainable, others, x, training=training
        )
        outputs = tf.cast(outputs, self.logits_dtype)
        if self.head != "none":
            outputs = tf.matmul(outputs, weights[-2]) + weights[-1]
        return mask_logits(outputs, class_mask)

    def query_moments(
        self, weights: list[tf.Tensor], support_x: Any
    ) -> list[tf.Tensor] | None:
        """Statistics that normalise the queries of a task.

        Args:
            weights: the adapted weights.
            support_x: prepared [support, ...], real examples only.

        Returns:
            Those of the support set; None unless `normalization` is
            "support".
        """
        if self.normalization != "support":
            return None
        trainable = self._backbone_weights(weights)
        return batch_moments(self.fast_model, trainable, support_x)

    def task_loss(
        self,
        weights: list[tf.Tensor],
        x: Any,
        y: tf.Tensor,
        class_mask: tf.Tensor,
    ) -> tf.Tensor:
        """Inner loss of one task: mean cross entropy, a scalar.

        Args:
            weights: one tensor per `fast_variables`.
            x: prepared [examples, ...].
            y: int64 [examples].
            class_mask: float32 [ways].
        """
        logits = self.task_logits(weights, x, class_mask)
        return masked_cross_entropy(y, logits, tf.ones_like(y, tf.bool))

    def adapt_task(
        self,
        weights: list[tf.Tensor],
        x: Any,
        y: tf.Tensor,
        class_mask: tf.Tensor,
    ) -> list[tf.Tensor]:
        """Adapts to the support set of one task; first order.

        Args:
            weights: where to start.
            x: prepared [support, ...], real examples only.
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
        return self.adapted_state(support_x, support_y, support_mask, num_ways)

    def adapted_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
        *settings: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """As `adapt_state`, with settings of each task.

        Args:
            support_x: float32 [tasks, support, *features], raw values.
            support_y: int64 [tasks, support].
            support_mask: bool [tasks, support].
            num_ways: number of columns.
            *settings: tensors [tasks, ...] of which `adapt_task` gets those
                of its task.
        """
        class_mask = class_mask_of(support_y, support_mask, num_ways)
        initial = self.initial_weights(num_ways)

        def one(task: Any) -> list[tf.Tensor]:
            x, y, mask, classes, *own = task
            # Padding must not enter the batch statistics either.
            x, y = real_rows([x, y], mask)
            weights = self.adapt_task(initial, x, y, classes, *own)
            return [*weights, *(self.query_moments(weights, x) or [])]

        spec = self.state_spec()
        names = [*self._weight_names(), *self._moment_names()]
        values = tf.map_fn(
            one,
            (
                self.prepared(support_x),
                support_y,
                support_mask,
                class_mask,
                *settings,
            ),
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
            {**state, "query_x": self.prepared(query_x)},
            fn_output_signature=tf.TensorSpec([None, None], self.logits_dtype),
        )

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`weight_NN` per fast weight, `moment_NN`, and `class_mask`."""
        ways = self.num_ways
        kinds = [(tuple(v.shape), v.dtype) for v in self.fast_variables]
        if self.head in ("shared", "zero"):
            kept = kinds[:-2] if self.head == "shared" else kinds
            columns = ((self._num_features, None), (None,))
            kinds = [*kept, *((one, self.variable_dtype) for one in columns)]
        spec = {
            name: tf.TensorSpec([None, *shape], dtype, name)
            for name, (shape, dtype) in zip(
                self._weight_names(), kinds, strict=True
            )
        }
        for name, (index, _) in zip(
            self._moment_names(), self._slots(), strict=True
        ):
            variable = self.fast_model.non_trainable_variables[index]
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
        if self.head in ("none", "zero"):
            self.head_variables: list[keras.Variable] = []
            return
        ways = 1 if self.head == "shared" else self.num_ways
        shapes = {"kernel": (self._num_features, ways), "bias": (ways,)}
        self.head_variables = [
            self.add_weight(
                shape=shape, initializer=initializer, name=f"head_{name}"
            )
            for (name, shape), initializer in zip(
                shapes.items(), self._head_initializers(), strict=True
            )
        ]

    def _head_initializers(self) -> tuple[Any, Any]:
        """How the head's kernel and bias start."""
        # Zero columns make every class equally likely before adaptation.
        return "zeros", "zeros"

    def _backbone_weights(self, weights: list[tf.Tensor]) -> list[tf.Tensor]:
        trainable, _ = functional.weights_of(self.fast_model)
        return weights[: len(trainable)] if self.adapt_backbone else trainable

    def _slots(self) -> list[tuple[int, float]]:
        support = self.normalization == "support"
        return moving_slots(self.fast_model) if support else []

    @property
    def _num_features(self) -> int:
        return self.backbone.output_shape[-1]

    def _weight_names(self) -> list[str]:
        count = len(self.fast_variables) + 2 * (self.head == "zero")
        return [f"weight_{i:02d}" for i in range(count)]

    def _moment_names(self) -> list[str]:
        return [f"moment_{i:02d}" for i in range(len(self._slots()))]


def real_rows(x: Any, mask: tf.Tensor) -> Any:
    """Drops the examples of one task that are padding.

    Args:
        x: tensor [examples, ...], or a structure of them.
        mask: bool [examples].
    """
    return tf.nest.map_structure(lambda v: tf.boolean_mask(v, mask), x)


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
        for layer in layers_of(backbone)
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0
    ]
    if names:
        raise MetazooError(
            f"backbone drops units in layers {names}, and batch statistics "
            "need training mode, which would drop them at prediction too. "
            "Remove them or use 'moving'."
        )
