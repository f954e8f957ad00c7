"""The episodic contract: adapt to a support set, predict its queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from metazoo.checks.backbones import check_backbone
from metazoo.checks.examples import check_at_most, check_ways
from metazoo.contracts.episodic_verbs import EpisodicVerbs
from metazoo.data.episode import Episode
from metazoo.errors import EpisodeError


class EpisodicLearner(EpisodicVerbs):
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
        least_classes: classes that the support of a task must have; 2 where
            a single one teaches nothing. A server answers fewer by NaN.
    """

    contract = "episodic"
    max_support: int | None = None
    example_dtype: ClassVar[tf.DType] = tf.float32
    least_classes: int = 1

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

    def numeric(self, x: tf.Tensor) -> tf.Tensor:
        """Raw examples in a form that XLA and any device can take.

        The verbs take either form. By default they are one.

        Args:
            x: [tasks, examples, *features] of `example_dtype`.
        """
        return x

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
            EpisodeError: a static shape does not fit, or tells of more
                support than `max_support`.
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
        count = episode.support_x.shape[1]
        if count is not None:
            check_at_most("support_x", count, self.max_support)
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
