"""The episodic contract: adapt to a support set, predict its queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from metazoo.adapted import AdaptedModel
from metazoo.backbone_checks import check_backbone
from metazoo.checks import (
    check_at_most,
    check_examples,
    check_labels,
    check_largest_label,
    check_mask,
    check_unlabelled,
    check_ways,
)
from metazoo.data.episode import UNLABELED_NAMES, Episode
from metazoo.episodic_serving import (
    MAX_SERVED_WAYS,
    EpisodicServing,
    ways_axes,
)
from metazoo.errors import EpisodeError


class EpisodicLearner(EpisodicServing):
    """A Keras model whose example is an episode.

    A method implements `adapt_state`, `logits_from_state` and `state_spec`
    on tensors with a leading tasks axis; everything else follows.

    Args:
        backbone: Keras model from one example to features or logits.
        num_ways: fixed number of classes, or None for any; a static number
            is needed to compile a learner with XLA.
        value_range: (low, high) of the raw values the backbone takes; used
            to warn about input that was scaled before.
        name: name of the model.

    Attributes:
        max_support: largest number of support examples of a task, where
            adaptation costs more than in proportion; None for any.
        example_dtype: dtype of raw examples: float32, or string for texts.
    """

    contract = "episodic"
    max_support: int | None = None
    example_dtype: ClassVar[tf.DType] = tf.float32

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int | None = None,
        value_range: tuple[float, float] | None = (0, 255),
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_backbone(backbone)
        super().__init__(name=name, **kwargs)
        self.backbone = backbone
        self.num_ways = check_ways(num_ways, None)
        self.value_range = None if value_range is None else tuple(value_range)
        self._functions: dict[Any, Any] = {}

    def build(self, input_shape: Any = None) -> None:
        """Marks the model as built: its constructor makes all variables."""
        self.built = True

    @property
    def example_shape(self) -> tuple[int | None, ...]:
        """Shape of one raw example, such as (28, 28, 1)."""
        return tuple(self.backbone.input_shape[1:])

    @property
    def fixed_ways(self) -> bool:  # type: ignore[override]
        """Whether the number of columns is fixed; fewer ways still fit."""
        return self.num_ways is not None

    @property
    def query_rank(self) -> int:
        """Rank of a query set without a tasks axis."""
        return len(self.example_shape) + 1

    def checked_examples(
        self, name: str, value: Any
    ) -> tuple[np.ndarray, bool]:
        """Checks raw examples and brings them to a leading tasks axis.

        Args:
            name: argument name for error messages.
            value: array-like [examples, *features] or [tasks, examples,
                *features].

        Returns:
            Array [tasks, examples, *features] of `example_dtype`, and
            whether the tasks axis was added here.

        Raises:
            EpisodeError: the value holds no examples of this learner.
        """
        return check_examples(name, value, self.example_shape, self.value_range)

    def numeric(self, x: tf.Tensor) -> tf.Tensor:
        """Raw examples in a form that XLA and any device can take.

        The verbs take either form. By default they are one.

        Args:
            x: [tasks, examples, *features] of `example_dtype`.
        """
        return x

    # The verbs of the contract, on tensors.

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Learns from support sets; pure.

        A learner with the trait `uses_unlabelled` takes `unlabeled_x` and
        `unlabeled_mask` as well, by name and optional; no other is given any.

        Args:
            support_x: float32 [tasks, support, *features], raw values.
            support_y: int64 [tasks, support] in [0, num_ways).
            support_mask: bool [tasks, support]; False rows change nothing.
            num_ways: number of columns, a Python int or int32 scalar.

        Returns:
            The state: name to tensor with a leading tasks axis.
        """
        raise NotImplementedError

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Scores queries; pure.

        Args:
            query_x: float32 [tasks, query, *features], raw values.
            state: what `adapt_state` returned.

        Returns:
            float32 [tasks, query, ways]; classes without support get
            -1e9.
        """
        raise NotImplementedError

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """Specs of the state, named, with a leading tasks axis of None."""
        raise NotImplementedError

    def state_size(self, num_ways: int) -> int:
        """Number of values in the state of one task.

        Args:
            num_ways: number of classes of the task.
        """
        total = 0
        for spec in self.state_spec().values():
            free = [num_ways if d is None else d for d in spec.shape[1:]]
            total += int(np.prod(free))
        return total

    def ways_of(
        self, support_y: tf.Tensor, support_mask: tf.Tensor
    ) -> int | tf.Tensor:
        """Number of columns: fixed, or the largest real label plus one.

        Args:
            support_y: int64 [tasks, support].
            support_mask: bool [tasks, support].
        """
        if self.num_ways is not None:
            return self.num_ways
        labels = tf.where(support_mask, support_y, -1)
        return tf.cast(tf.reduce_max(labels), tf.int32) + 1

    def check_ranks(self, episode: Episode) -> None:
        """Refuses tensors that can't be an episode of this learner.

        Args:
            episode: what Keras was given.

        Raises:
            EpisodeError: a static shape does not fit.
        """
        if episode.unlabelled and not self.uses_unlabelled:
            raise EpisodeError(
                f"unlabeled_x is given, and this {type(self).__name__} does "
                "not adapt to unlabelled examples."
            )
        for name in ("support_x", "query_x", "unlabeled_x"):
            part = getattr(episode, name)
            shape = None if part is None else part.shape
            if shape is not None and not shape.is_compatible_with(
                [None, None, *self.example_shape]
            ):
                raise EpisodeError(
                    f"{name} has shape {shape}; expected [tasks, examples, "
                    f"{', '.join(map(str, self.example_shape))}]."
                )
        for name in (
            "support_y",
            "support_mask",
            "query_y",
            "query_mask",
            "unlabeled_mask",
        ):
            part = getattr(episode, name)
            if part is not None and not part.shape.is_compatible_with(
                getattr(episode, f"{name.split('_')[0]}_x").shape[:2]
            ):
                raise EpisodeError(
                    f"{name} has shape {part.shape}; expected [tasks, "
                    "examples] as its examples have."
                )

    # Keras: an example is an episode.

    def call(self, inputs: Any, training: bool | None = None) -> tf.Tensor:
        """Adapts to each support set and scores its queries.

        Args:
            inputs: dict with `support_x`, `support_y`, `query_x` and maybe
                `support_mask`, `unlabeled_x` and `unlabeled_mask`, all with
                a leading tasks axis.
            training: ignored; training goes through `meta_loss`.

        Returns:
            float32 logits [tasks, query, ways].
        """
        episode = Episode.from_inputs(inputs)
        self.check_ranks(episode)
        ways = self.ways_of(episode.support_y, episode.support_mask)
        support_x = tf.cast(episode.support_x, self.example_dtype)
        state = self.adapt_state(
            support_x,
            episode.support_y,
            episode.support_mask,
            ways,
            **episode.unlabelled,
        )
        query_x = tf.cast(episode.query_x, self.example_dtype)
        return self.logits_from_state(query_x, state)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "num_ways": self.num_ways,
            "value_range": self.value_range,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> Any:
        """Rebuilds a learner from `get_config`."""
        config = dict(config)
        config["backbone"] = keras.saving.deserialize_keras_object(
            config["backbone"], custom_objects=custom_objects
        )
        return cls(**config)

    # The verbs as a Python user calls them.

    def adapt(
        self,
        support_x: Any,
        support_y: Any,
        support_mask: Any = None,
        num_ways: int | None = None,
        unlabeled_x: Any = None,
        unlabeled_mask: Any = None,
    ) -> AdaptedModel:
        """Learns a task (or several) from examples.

        Args:
            support_x: raw examples [support, *features] of one task, or
                [tasks, support, *features].
            support_y: integer labels [support] or [tasks, support].
            support_mask: booleans like `support_y`, False for padding.
            num_ways: number of classes; by default the largest label plus
                one.
            unlabeled_x: raw examples without a label, like `support_x`, for
                a learner with the trait `uses_unlabelled`.
            unlabeled_mask: booleans, False for padding of `unlabeled_x`.

        Returns:
            The adapted model; this learner is not changed.

        Raises:
            EpisodeError: an argument is malformed.
        """
        x, y, mask, ways, single = self._checked_support(
            support_x, support_y, support_mask, num_ways
        )
        if unlabeled_x is None:
            state = self._function("adapt")(x, y, mask, ways)
        else:
            others = self._checked_unlabelled(
                unlabeled_x, unlabeled_mask, len(x)
            )
            state = self._function("adapt_semi")(x, y, mask, ways, *others)
        return AdaptedModel(self, state, single)

    def _checked_unlabelled(
        self, unlabeled_x: Any, unlabeled_mask: Any, num_tasks: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Arrays with a tasks axis."""
        if not self.uses_unlabelled:
            raise EpisodeError(
                f"unlabeled_x is given, and this {type(self).__name__} does "
                "not adapt to unlabelled examples."
            )
        return check_unlabelled(
            unlabeled_x,
            unlabeled_mask,
            self.example_shape,
            self.value_range,
            num_tasks,
        )

    def _checked_support(
        self, support_x: Any, support_y: Any, support_mask: Any, num_ways: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, bool]:
        """Arrays with a tasks axis, the ways, and whether it was added."""
        x, single = self.checked_examples("support_x", support_x)
        check_at_most("support_x", x.shape[1], self.max_support)
        ways = check_ways(num_ways, self.num_ways)
        mask = check_mask("support_mask", support_mask, x.shape[:2])
        y = check_labels("support_y", support_y, x.shape[:2], ways, mask)
        if ways is None:
            ways = check_largest_label("support_y", y, MAX_SERVED_WAYS) + 1
        return x, y, mask, ways, single

    def adapted(
        self, state: Mapping[str, Any], single: bool = True
    ) -> AdaptedModel:
        """Rebuilds an adapted model from a stored or received state.

        Args:
            state: name to array with a leading tasks axis.
            single: whether predictions of one task drop the tasks axis.

        Raises:
            EpisodeError: a name, shape or dtype is not the state's.
        """
        return AdaptedModel(self, self._check_state(state), single)

    def predict_state(
        self, query_x: Any, state: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Predicts queries from a state.

        Args:
            query_x: raw examples [query, *features] or [tasks, query,
                *features].
            state: name to array with a leading tasks axis.

        Returns:
            `probabilities` and `logits` float32 [tasks, query, ways],
            `classes` int64 [tasks, query].

        Raises:
            EpisodeError: an argument is malformed.
        """
        x, _ = self.checked_examples("query_x", query_x)
        state = self._check_state(state)
        tasks = len(next(iter(state.values())))
        if len(x) != tasks:
            raise EpisodeError(
                f"query_x holds {len(x)} tasks; the state holds {tasks}."
            )
        outputs = self._function("predict")(x, state)
        return {name: value.numpy() for name, value in outputs.items()}

    def _function(self, verb: str) -> Any:
        # Freezing a layer changes which weights adapt, hence the key.
        key = (verb, tuple(v.path for v in self.trainable_variables))
        if key not in self._functions:
            self._functions[key] = self._trace(verb)
        return self._functions[key]

    def _trace(self, verb: str) -> Any:
        examples = [None, None, *self.example_shape]
        if verb == "predict":
            state = (
                tf.TensorSpec(examples, self.example_dtype),
                self.state_spec(),
            )
            return tf.function(self.outputs_from_state, input_signature=state)
        mask = tf.TensorSpec([None, None], tf.bool)
        specs: tuple[Any, ...] = (
            tf.TensorSpec(examples, self.example_dtype),
            tf.TensorSpec([None, None], tf.int64),
            mask,
            tf.TensorSpec([], tf.int32),
        )
        if verb == "adapt_semi":
            specs = (*specs, tf.TensorSpec(examples), mask)
        return tf.function(self._adapt, input_signature=specs)

    def _adapt(
        self, x: Any, y: Any, mask: Any, ways: Any, *unlabelled: Any
    ) -> Any:
        ways = ways if self.num_ways is None else self.num_ways
        others = dict(zip(UNLABELED_NAMES, unlabelled, strict=False))
        return self.compact_state(self.adapt_state(x, y, mask, ways, **others))

    def compact_state(
        self, state: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Drops what an adapted model need not carry; by default nothing.

        `adapt_state` must have static shapes wherever its inputs have, for
        XLA; what a caller or client is given need not.

        Args:
            state: what `adapt_state` returned.
        """
        return state

    def outputs_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Everything that is predicted of queries; pure.

        Args:
            query_x: float32 [tasks, query, *features], raw values.
            state: what `adapt_state` returned.

        Returns:
            The tensors that `predictions` names, among them `probabilities`
            and `logits` float32 [tasks, query, ways] and `classes` int64
            [tasks, query].
        """
        return self.outputs_of(self.logits_from_state(query_x, state))

    def outputs_of(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """What every learner tells of its logits.

        Args:
            logits: float [tasks, query, ways].

        Returns:
            `probabilities`, `logits` and `classes`.
        """
        logits = tf.cast(logits, tf.float32)
        # The exported shape tells a client whether the ways are fixed.
        logits = tf.ensure_shape(logits, [None, None, self.num_ways])
        return {
            "probabilities": tf.nn.softmax(logits),
            "logits": logits,
            "classes": tf.argmax(logits, -1),
        }

    def _check_state(self, state: Mapping[str, Any]) -> dict[str, np.ndarray]:
        spec = self.state_spec()
        if set(state) != set(spec):
            raise EpisodeError(
                f"state has the names {sorted(state)}; "
                f"{type(self).__name__} expects {sorted(spec)}."
            )
        checked = {}
        for name, want in spec.items():
            value = np.asarray(state[name])
            if not want.shape.is_compatible_with(value.shape) or (
                value.dtype != want.dtype.as_numpy_dtype
            ):
                raise EpisodeError(
                    f"state[{name!r}] is {value.dtype} of shape "
                    f"{value.shape}; expected {want.dtype.name} of shape "
                    f"{tuple(want.shape)}."
                )
            checked[name] = value
        if len({len(value) for value in checked.values()}) > 1:
            raise EpisodeError("state tensors hold different numbers of tasks.")
        ways = {
            name: checked[name].shape[axis] for name, axis in ways_axes(spec)
        }
        if len(set(ways.values())) > 1:
            raise EpisodeError(
                f"state tensors hold different numbers of ways: {ways}."
            )
        return checked
