"""One structure for few-shot tasks: a support set and a query set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from metazoo.errors import EpisodeError

INPUT_NAMES = ("support_x", "support_y", "support_mask", "query_x")
UNLABELED_NAMES = ("unlabeled_x", "unlabeled_mask")


class Episode(NamedTuple):
    """Several tasks side by side; the first axis of every tensor is tasks.

    Masked-out examples (mask False) are padding: they change no result.

    Attributes:
        support_x: float32 [tasks, support, *features], raw input values.
        support_y: int64 [tasks, support], labels in [0, ways).
        query_x: float32 [tasks, query, *features].
        query_y: int64 [tasks, query], labels in [0, ways).
        support_mask: bool [tasks, support], True where an example is real.
        query_mask: bool [tasks, query], True where an example is real.
        unlabeled_x: float32 [tasks, unlabeled, *features], examples of
            classes of the task or of others; None for a task that has no
            such set.
        unlabeled_mask: bool [tasks, unlabeled], True where an example is
            real; None with `unlabeled_x`.
    """

    support_x: Any
    support_y: Any
    query_x: Any
    query_y: Any
    support_mask: Any
    query_mask: Any
    unlabeled_x: Any = None
    unlabeled_mask: Any = None

    @classmethod
    def without_padding(
        cls, support_x: Any, support_y: Any, query_x: Any, query_y: Any
    ) -> Episode:
        """Builds an episode in which every example is real.

        Args:
            support_x: float32 [tasks, support, *features].
            support_y: int64 [tasks, support].
            query_x: float32 [tasks, query, *features].
            query_y: int64 [tasks, query].
        """
        return cls(
            support_x=support_x,
            support_y=support_y,
            query_x=query_x,
            query_y=query_y,
            support_mask=tf.ones_like(support_y, tf.bool),
            query_mask=tf.ones_like(query_y, tf.bool),
        )

    @property
    def num_tasks(self) -> Any:
        """Length of the tasks axis, static where it is known."""
        static = self.support_x.shape[0]
        return tf.shape(self.support_x)[0] if static is None else static

    @property
    def labelled_parts(self) -> tuple[Any, ...]:
        """The six tensors that every episode has, in order."""
        return tuple(self[:6])

    @property
    def unlabelled(self) -> dict[str, Any]:
        """`unlabeled_x` and `unlabeled_mask` by name; empty without them."""
        if self.unlabeled_x is None:
            return {}
        return {name: getattr(self, name) for name in UNLABELED_NAMES}

    def map(self, function: Callable[[Any], Any]) -> Episode:
        """Applies a function to every tensor there is.

        Args:
            function: from a tensor to what takes its place.
        """
        return Episode(*(p if p is None else function(p) for p in self))

    def to_keras(self) -> tuple[dict[str, Any], Any, Any]:
        """Returns (inputs, query_y, query_mask): Keras's x, y, weights."""
        inputs = {name: getattr(self, name) for name in INPUT_NAMES}
        return {**inputs, **self.unlabelled}, self.query_y, self.query_mask

    @classmethod
    def from_keras(cls, data: Any) -> Episode:
        """Builds an episode from what a Keras data adapter yields.

        Args:
            data: an `Episode`, or `(inputs, query_y)` or
                `(inputs, query_y, query_mask)`, where inputs is a dict with
                `support_x`, `support_y`, `query_x`, maybe `support_mask`,
                `unlabeled_x` and `unlabeled_mask`.

        Raises:
            EpisodeError: a part is missing.
        """
        if isinstance(data, cls):
            return data
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise EpisodeError(
                "Training data must be (inputs, query_y[, query_mask]); got "
                f"{type(data).__name__}."
            )
        inputs, query_y = data[0], data[1]
        weight = data[2] if len(data) == 3 else None
        return cls.from_inputs(inputs, query_y, weight)

    @classmethod
    def from_inputs(
        cls, inputs: Any, query_y: Any = None, query_mask: Any = None
    ) -> Episode:
        """Builds an episode from the inputs dict, with masks filled in.

        Args:
            inputs: dict with `support_x`, `support_y`, `query_x` and maybe
                `support_mask`, `unlabeled_x` and `unlabeled_mask`.
            query_y: int [tasks, query], or None when it is unknown.
            query_mask: [tasks, query], or None for all real.

        Raises:
            EpisodeError: `inputs` is no dict or lacks a name.
        """
        require_names(inputs)
        support_y = tf.cast(inputs["support_y"], tf.int64)
        mask = inputs.get("support_mask")
        if mask is None:
            mask = tf.ones_like(support_y, tf.bool)
        query_x = tf.convert_to_tensor(inputs["query_x"])
        if query_mask is None:
            query_mask = tf.ones(tf.shape(query_x)[:2], tf.bool)
        unlabeled_x, unlabeled_mask = _unlabelled_of(inputs)
        return cls(
            support_x=tf.convert_to_tensor(inputs["support_x"]),
            support_y=support_y,
            query_x=query_x,
            query_y=None if query_y is None else tf.cast(query_y, tf.int64),
            support_mask=tf.cast(mask, tf.bool),
            query_mask=tf.cast(query_mask, tf.bool),
            unlabeled_x=unlabeled_x,
            unlabeled_mask=unlabeled_mask,
        )


def _unlabelled_of(inputs: dict[str, Any]) -> tuple[Any, Any]:
    """The unlabelled set of an inputs dict and its mask, or (None, None)."""
    x, mask = (inputs.get(name) for name in UNLABELED_NAMES)
    if x is None:
        if mask is not None:
            raise EpisodeError("unlabeled_mask is given without unlabeled_x.")
        return None, None
    x = tf.convert_to_tensor(x)
    if mask is None:
        return x, tf.ones(tf.shape(x)[:2], tf.bool)
    return x, tf.cast(mask, tf.bool)


def require_names(inputs: Any) -> None:
    """Refuses inputs that are no dict, or lack or add a name.

    Args:
        inputs: what should be the inputs of an episode.

    Raises:
        EpisodeError: they are not.
    """
    if not isinstance(inputs, dict):
        raise EpisodeError(
            "An episode's inputs must be a dict with support_x, support_y "
            f"and query_x; got {type(inputs).__name__}."
        )
    required = {"support_x", "support_y", "query_x"}
    missing = sorted(required - set(inputs))
    known = {*INPUT_NAMES, *UNLABELED_NAMES}
    unknown = sorted(set(inputs) - known)
    if missing or unknown:
        raise EpisodeError(
            f"An episode's inputs lack {missing} and have unknown {unknown}; "
            f"expected {list(INPUT_NAMES)} (support_mask may be left out) "
            f"and maybe {list(UNLABELED_NAMES)}."
        )
