"""The wire of the episodic contract: endpoints that faults can't break."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from metazoo.contracts.episodic_training import EpisodicTraining
from metazoo.contracts.support_verb import SupportVerb
from metazoo.data.episode import Episode
from metazoo.losses import class_mask_of
from metazoo.wire.faults import any_not_finite, spoil_all
from metazoo.wire.guards import require, require_equal
from metazoo.wire.signature import Signature

# A larger label would make the server allocate a column for it, for the
# task itself and for every task that is batched with it.
MAX_SERVED_WAYS = 4096

# Classes without an example may be left out below this many.
FREE_WAYS = 64

PREDICTIONS = ("probabilities", "logits", "classes")

EPISODE_DOCS = {
    "support_x": "raw labelled examples; [tasks, support, *features]",
    "support_y": "their classes, counted from 0 in each task; [tasks, support]",
    "query_x": "raw examples to classify; [tasks, query, *features]",
    "probabilities": "of each class; [tasks, query, ways]; NaN in a faulty "
    "task",
    "logits": "-1e9 for a class without support; [tasks, query, ways]; NaN "
    "in a faulty task",
    "classes": "the most probable class; [tasks, query]; -1 in a faulty task",
    "class_mask": "1 where a class has support, else 0; [tasks, ways]",
}
_TRANSDUCTIVE = (
    " All queries of a task are normalised together: never pad them, and "
    "send those that belong together in one request."
)
_INDEPENDENT = " Each query is answered for itself."


class EpisodicServing(EpisodicTraining):
    """Endpoints of a learner whose example is an episode.

    A faulty task (labels out of range, values that are not finite, no real
    example, fewer classes than `least_classes`) is answered with NaN and
    class -1, and spoils no task beside it.

    Attributes:
        predictions: names of what is predicted of queries.
        support_verbs: further ways to adapt.
        wire_docs: wire name to what it is, of tensors of the method's own.
    """

    predictions: ClassVar[tuple[str, ...]] = PREDICTIONS
    support_verbs: ClassVar[tuple[SupportVerb, ...]] = ()
    wire_docs: ClassVar[Mapping[str, str]] = {}

    def signatures(self) -> tuple[Signature, ...]:
        """Returns `adapt_predict`, `adapt`, `predict` and `support_verbs`."""
        examples = [None, None, *self.example_shape]
        support = {
            "support_x": tf.TensorSpec(
                examples, self.example_dtype, "support_x"
            ),
            "support_y": self.label_spec(),
        }
        query = {
            "query_x": tf.TensorSpec(examples, self.example_dtype, "query_x")
        }
        state = self.state_spec()
        hint = _TRANSDUCTIVE if self.transductive else _INDEPENDENT
        return (
            self._signature(
                "adapt_predict",
                {**support, **query},
                self.predictions,
                "Adapts to each task's support set and predicts its queries."
                + hint,
                masks_support=True,
            ),
            self._signature(
                "adapt",
                support,
                tuple(state),
                "Adapts to each task's support set and returns the state.",
                masks_support=True,
            ),
            self._signature(
                "predict",
                {**query, **state},
                self.predictions,
                "Predicts queries from the state that adapt returned." + hint,
            ),
            *(
                self._support_signature(verb, support, tuple(state))
                for verb in self.support_verbs
            ),
        )

    def _support_signature(
        self,
        verb: SupportVerb,
        support: Mapping[str, tf.TensorSpec],
        state: tuple[str, ...],
    ) -> Signature:
        made = self._signature(
            verb.name,
            {**support, **verb.specs()},
            (*state, *verb.reports),
            verb.doc,
            verb.masks_support,
            partial(self._serve_support_verb, verb),
        )
        return dataclasses.replace(
            made,
            docs={**made.docs, **verb.wire_docs()},
            padding=verb.padding,
        )

    def _signature(
        self,
        name: str,
        inputs: dict[str, tf.TensorSpec],
        outputs: tuple[str, ...],
        doc: str,
        masks_support: bool = False,
        fn: Callable[..., dict[str, tf.Tensor]] | None = None,
    ) -> Signature:
        return Signature(
            name,
            inputs,
            fn or getattr(self, f"_serve_{name}"),
            outputs,
            doc,
            {
                key: {**EPISODE_DOCS, **self.wire_docs}.get(
                    key, "part of the state"
                )
                for key in (*inputs, *outputs)
            },
            masks_support,
        )

    def label_spec(self) -> tf.TensorSpec:
        """The labels of a support set: int64 [tasks, support]."""
        return tf.TensorSpec([None, None], tf.int64, "support_y")

    def example_extras(self, num_tasks: int) -> dict[str, np.ndarray]:
        """Inputs of endpoints that an episode does not hold.

        Args:
            num_tasks: number of tasks.
        """
        return {
            setting.name: setting.examples(num_tasks)
            for verb in self.support_verbs
            for setting in verb.settings
        }

    def example_episode(self, num_tasks: int, seed: int = 0) -> Episode:
        """A random valid episode, to try a signature on.

        Args:
            num_tasks: number of tasks.
            seed: seed of the random values.

        Returns:
            2 shots and 3 queries of each of 3 (or the fixed number of)
            ways, raw values; 4 unlabelled examples where the learner takes
            them.
        """
        rng = np.random.default_rng(seed)
        ways = self.num_ways or 3
        low, high = self.value_range or (0.0, 1.0)
        shape = [size or 8 for size in self.example_shape]

        def draw(examples: int) -> np.ndarray:
            values = rng.uniform(low, high, (num_tasks, examples, *shape))
            return values.astype(np.float32)

        support_y = np.tile(np.repeat(np.arange(ways), 2), (num_tasks, 1))
        query_y = np.tile(np.repeat(np.arange(ways), 3), (num_tasks, 1))
        episode = Episode(
            draw(2 * ways),
            support_y,
            draw(3 * ways),
            query_y,
            np.ones(support_y.shape, bool),
            np.ones(query_y.shape, bool),
        )
        if not self.uses_unlabelled:
            return episode
        return episode._replace(
            unlabeled_x=draw(4), unlabeled_mask=np.ones((num_tasks, 4), bool)
        )

    def faulty_tasks(
        self, x: tf.Tensor, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Finds the tasks with raw examples that nothing can be made of.

        Args:
            x: [tasks, examples, *features] of `example_dtype`, zeros (or
                empty texts) where they are masked out.
            mask: bool [tasks, examples], or None for all real.

        Returns:
            bool [tasks].
        """
        return any_not_finite(x)

    def needs_queries(self, verb: str) -> bool:
        """Whether a verb means nothing by an empty query set.

        By default every verb of a transductive learner.

        Args:
            verb: name of a verb that predicts, such as "predict".
        """
        return self.transductive

    def _serve_adapt(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        return self._serve_verb("adapt", support_x, support_y, support_mask)

    def _serve_support_verb(
        self,
        verb: SupportVerb,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor | None = None,
        **settings: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        wrong = verb.wrong(settings)
        # One task's mistake must not cost those beside it.
        usable = [
            one.usable(settings[one.name], wrong) for one in verb.settings
        ]
        state = self._serve_verb(
            verb.name, support_x, support_y, support_mask, *usable
        )
        return spoil_all(state, wrong)

    def _serve_verb(
        self,
        verb: str,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor | None,
        *more: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Runs a verb that learns from support, faulty tasks kept apart."""
        with tf.control_dependencies(
            self._support_checks(support_x, support_y)
        ):
            support_y = tf.identity(support_y)
        mask = tf.ones(tf.shape(support_y)[:2], tf.bool)
        if support_mask is not None:
            mask = support_mask
            support_x, support_y = _without_padding(support_x, support_y, mask)
        wrong = self.faulty_labels(support_y)
        wrong |= self.faulty_tasks(support_x, mask) | ~tf.reduce_any(mask, -1)
        # A wrong label must not widen the answers of the tasks beside it,
        # and no adaptation runs on nothing.
        labels = tf.where(
            wrong[(..., *[tf.newaxis] * (support_y.shape.rank - 1))],
            tf.zeros([], support_y.dtype),
            support_y,
        )
        mask |= wrong[:, None]
        ways = self.ways_of(labels, mask)
        state = self._function(verb)(support_x, labels, mask, ways, *more)
        if self.least_classes > 1:
            present = tf.reduce_sum(class_mask_of(labels, mask, ways), -1)
            wrong |= present < self.least_classes
        return spoil_all(state, wrong)

    def _support_checks(
        self, support_x: tf.Tensor, support_y: tf.Tensor
    ) -> list[Any]:
        count = tf.shape(support_x)[1]
        checks = [
            require_equal(
                [count, tf.shape(support_y)[1]],
                ["support_x", "support_y"],
                "support_y holds another number of examples than support_x:",
            )
        ]
        if self.max_support is not None:
            text = (
                f"support_x holds more than {self.max_support} examples a "
                "task, the most this model takes:"
            )
            checks.append(require(count <= self.max_support, text, count))
        return checks

    def faulty_labels(self, support_y: tf.Tensor) -> tf.Tensor:
        """Finds the tasks with labels that there can't be.

        Args:
            support_y: as `label_spec` tells, 0 where masked out.

        Returns:
            bool [tasks].
        """
        limit = self._label_limit(support_y)
        return tf.reduce_any((support_y < 0) | (support_y >= limit), -1)

    def _label_limit(self, support_y: tf.Tensor) -> Any:
        """Labels lie below it: a few examples can't ask for a wide answer."""
        if self.num_ways is not None:
            return self.num_ways
        examples = tf.shape(support_y, tf.int64)[1]
        return tf.clip_by_value(examples, FREE_WAYS, MAX_SERVED_WAYS)

    def _serve_predict(
        self, query_x: tf.Tensor, **state: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return self._serve_answers("predict", query_x, state)

    def _serve_answers(
        self, verb: str, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Runs a verb that predicts from a state, faulty tasks kept apart."""
        checks = self._ways_agree(state)
        if self.needs_queries(verb):
            text = f"query_x holds no example, and {verb} weighs them together."
            checks.append(require(tf.shape(query_x)[1] > 0, text))
        with tf.control_dependencies(checks):
            query_x = tf.identity(query_x)
        outputs = self._function(verb)(query_x, state)
        # The logits tell of a state that is itself of a wrong task.
        wrong = self.faulty_tasks(query_x) | any_not_finite(outputs["logits"])
        # A class has no NaN: -1 keeps who reads nothing else from harm.
        nothing = -tf.ones_like(outputs["classes"])
        classes = tf.where(wrong[:, None], nothing, outputs["classes"])
        return spoil_all({**outputs, "classes": classes}, wrong)

    def _ways_agree(self, state: Mapping[str, tf.Tensor]) -> list[Any]:
        """A check; without it one class is broadcast against several."""
        axes = ways_axes(self.state_spec())
        if not axes:
            return []
        return [
            require_equal(
                [tf.shape(state[name])[axis] for name, axis in axes],
                [name for name, _ in axes],
                "state tensors hold different numbers of ways:",
            )
        ]

    def _serve_adapt_predict(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        query_x: tf.Tensor,
        support_mask: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        state = self._serve_adapt(support_x, support_y, support_mask)
        return self._serve_predict(query_x, **state)


def ways_axes(state: Mapping[str, tf.TensorSpec]) -> list[tuple[str, int]]:
    """Where the tensors of a state have one entry per class.

    Args:
        state: what `state_spec` returns: beside the tasks, an axis of free
            size is that of the ways.

    Returns:
        Pairs of a name and an axis.
    """
    return [
        (name, axis)
        for name, spec in state.items()
        for axis, size in enumerate(spec.shape)
        if axis and size is None
    ]


def _without_padding(
    support_x: tf.Tensor, support_y: tf.Tensor, mask: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Zeroes what the mask hides: NaN times nothing would still be NaN."""

    def real(value: tf.Tensor) -> tf.Tensor:
        features = [tf.newaxis] * (value.shape.rank - 2)
        return tf.where(
            mask[(..., *features)], value, tf.zeros([], value.dtype)
        )

    return real(support_x), real(support_y)
