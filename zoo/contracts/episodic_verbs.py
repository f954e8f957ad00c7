"""The verbs of an episodic learner as a Python user calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.checks.examples import (
    check_at_most,
    check_classes,
    check_examples,
    check_labels,
    check_largest_label,
    check_mask,
    check_unlabelled,
    check_ways,
)
from metazoo.contracts.adapted import AdaptedModel
from metazoo.contracts.episodic_serving import (
    MAX_SERVED_WAYS,
    EpisodicServing,
    ways_axes,
)
from metazoo.contracts.support_verb import SupportVerb
from metazoo.data.episode import UNLABELED_NAMES
from metazoo.errors import EpisodeError


def traced(fn: Callable[..., Any], specs: Sequence[Any]) -> Any:
    """A function of one trace.

    AutoGraph is off, as in training and in exports: it would triple the time
    of a first call, and methods branch by TensorFlow's own operations.

    Args:
        fn: takes what `specs` tell.
        specs: of its arguments.
    """
    return tf.function(fn, input_signature=specs, autograph=False)


class EpisodicVerbs(EpisodicServing):
    """Checks arrays, runs a traced function of the contract, wraps the result.

    One function is traced for each verb, for any number of tasks, shots and
    queries.
    """

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

    def adapt_by(
        self,
        verb: str,
        support_x: Any,
        support_y: Any,
        num_ways: int | None = None,
        **settings: Any,
    ) -> tuple[AdaptedModel, dict[str, np.ndarray]]:
        """Adapts by one of `support_verbs`.

        Args:
            verb: its name.
            support_x: as in `adapt`.
            support_y: as in `adapt`.
            num_ways: as in `adapt`.
            **settings: those of the verb, each one value for all tasks or
                one for each.

        Returns:
            The adapted model, and what the verb reports beside it.

        Raises:
            EpisodeError: an argument is malformed.
        """
        one = self._support_verb(verb, settings)
        x, y, mask, ways, single = self._checked_support(
            support_x, support_y, None, num_ways
        )
        chosen = [
            setting.checked(settings[setting.name], len(x))
            for setting in one.settings
        ]
        found = self._function(verb)(x, y, mask, ways, *chosen)
        state = {name: found[name] for name in self.state_spec()}
        reports = {name: found[name].numpy() for name in one.reports}
        return AdaptedModel(self, state, single), reports

    def _support_verb(self, name: str, given: Iterable[str]) -> SupportVerb:
        by_name = {one.name: one for one in self.support_verbs}
        if name not in by_name:
            raise EpisodeError(
                f"verb must be one of {sorted(by_name)}; got {name!r}."
            )
        wanted = list(by_name[name].specs())
        if sorted(given) != sorted(wanted):
            raise EpisodeError(
                f"{name} takes the settings {wanted}; got {sorted(given)}."
            )
        return by_name[name]

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
        check_classes("support_y", y, mask, self.least_classes)
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
        return self._answers("predict", query_x, state)

    def _answers(
        self, verb: str, query_x: Any, state: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Checks the arguments and runs a verb that predicts."""
        x, _ = self.checked_examples("query_x", query_x)
        state = self._check_state(state)
        tasks = len(next(iter(state.values())))
        if len(x) != tasks:
            raise EpisodeError(
                f"query_x holds {len(x)} tasks; the state holds {tasks}."
            )
        outputs = self._function(verb)(x, state)
        return {name: value.numpy() for name, value in outputs.items()}

    def _function(self, verb: str) -> Any:
        # Freezing a layer changes which weights adapt, hence the key.
        key = (verb, tuple(v.path for v in self.trainable_variables))
        if key not in self._functions:
            self._functions[key] = self._trace(verb)
        return self._functions[key]

    def _trace(self, verb: str) -> Any:
        if verb == "predict":
            shape = [None, None, *self.example_shape]
            examples = tf.TensorSpec(shape, self.example_dtype)
            return traced(
                self.outputs_from_state, (examples, self.state_spec())
            )
        specs = self._support_specs()
        for one in self.support_verbs:
            if one.name == verb:
                settings = one.specs().values()
                return traced(partial(self._compute, one), (*specs, *settings))
        if verb == "adapt_semi":
            examples, _, mask, _ = specs
            specs = (*specs, examples, mask)
        return traced(self._adapt, specs)

    def _support_specs(self) -> tuple[tf.TensorSpec, ...]:
        """Examples, labels, mask and number of ways, as `_adapt` takes them."""
        return (
            tf.TensorSpec(
                [None, None, *self.example_shape], self.example_dtype
            ),
            self.label_spec(),
            tf.TensorSpec([None, None], tf.bool),
            tf.TensorSpec([], tf.int32),
        )

    def _compute(
        self,
        verb: SupportVerb,
        x: Any,
        y: Any,
        mask: Any,
        ways: Any,
        *settings: Any,
    ) -> Any:
        columns = ways if self.num_ways is None else self.num_ways
        chosen = dict(zip(verb.specs(), settings, strict=True))
        return verb.compute(self, x, y, mask, columns, **chosen)

    def _adapt(
        self, x: Any, y: Any, mask: Any, ways: Any, *unlabelled: Any
    ) -> Any:
        ways = ways if self.num_ways is None else self.num_ways
        others = dict(zip(UNLABELED_NAMES, unlabelled, strict=False))
        return self.compact_state(self.adapt_state(x, y, mask, ways, **others))

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
