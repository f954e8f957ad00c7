"""Adaptation by a number of steps, a step size and an order of one's own."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.checks.examples import check_each_task, check_integer, check_seed
from metazoo.contracts.adapted import AdaptedModel
from metazoo.learners.path import PathLearner
from metazoo.methods.leap.leap_path import NO_STEP
from metazoo.wire.faults import spoil_all
from metazoo.wire.signature import Signature

# A request of more would hold a server for minutes.
MAX_STEPS = 1000
REPORTS = ("loss_curve", "path_length")
VERBS = ("adapt_steps", "adapt_shuffled")


class LeapWire(PathLearner):
    """Adds `adapt_steps` and `adapt_shuffled`, verbs and endpoints.

    A method implements `path_state`.
    """

    wire_docs = {
        "inner_steps": f"gradient steps, 0 to {MAX_STEPS}; [tasks]",
        "inner_learning_rate": "their step size, above 0; [tasks]",
        "seed": "of the order of mini-batches; [tasks, 2]",
        "loss_curve": "loss of each step's mini-batch before the step, -1 "
        "behind a task's own steps; [tasks, most steps]",
        "path_length": "of weights and loss together, up to the last loss; "
        "[tasks]",
    }

    @property
    def steps_of_adapt(self) -> int:
        """`predict_steps`, or `inner_steps` where it is None."""
        steps = self.predict_steps
        return self.inner_steps if steps is None else steps

    def path_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
        steps: tf.Tensor | None = None,
        rates: tf.Tensor | None = None,
        seeds: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """As `adapt_state`, with `loss_curve` and `path_length` besides.

        Args:
            support_x: float32 [tasks, support, *features].
            support_y: int64 [tasks, support].
            support_mask: bool [tasks, support].
            num_ways: number of columns.
            steps: int32 [tasks], 0 to `MAX_STEPS`, on mini-batches in the
                order given; None for `predict_steps` on mini-batches spread
                over the support set.
            rates: float32 [tasks]; None for `inner_learning_rate`.
            seeds: int32 [tasks, 2] to shuffle by; None for the order given.
        """
        raise NotImplementedError

    def adapt_steps(
        self,
        support_x: Any,
        support_y: Any,
        inner_steps: int | None = None,
        inner_learning_rate: Any = None,
        seed: Any = None,
        num_ways: int | None = None,
    ) -> tuple[AdaptedModel, dict[str, np.ndarray]]:
        """As `adapt`, by so many steps in the order given; tells of the path.

        Args:
            support_x: raw examples [support, *features] of one task, or
                [tasks, support, *features], in the order in which
                mini-batches take them.
            support_y: integer labels [support] or [tasks, support].
            inner_steps: gradient steps, 0 to 1000; by default those of
                `adapt`.
            inner_learning_rate: their size, a number or [tasks]; by default
                that of `adapt`.
            seed: integers [2] or [tasks, 2]: mini-batches take the examples
                in an order drawn anew in every round; None for the order
                given.
            num_ways: number of classes; by default the largest label plus
                one.

        Returns:
            The adapted model, and `loss_curve` float32 [tasks, inner_steps]
            and `path_length` float32 [tasks].

        Raises:
            EpisodeError: an argument is malformed.
        """
        x, y, mask, ways, single = self._checked_support(
            support_x, support_y, None, num_ways
        )
        steps = inner_steps
        if steps is None:
            steps = self.steps_of_adapt
        rate = inner_learning_rate
        if rate is None:
            rate = self.inner_learning_rate
        count = check_integer("inner_steps", steps, 0, MAX_STEPS)
        name = "inner_learning_rate"
        rates = check_each_task(name, rate, len(x), np.float32, above=True)
        verb, seeds = "adapt_steps", []
        if seed is not None:
            verb, seeds = "adapt_shuffled", [check_seed(seed, len(x))]
        state = self._function(verb)(
            x,
            y,
            mask,
            ways,
            np.full(len(x), count, np.int32),
            rates,
            *seeds,
        )
        own = {name: state[name] for name in self.state_spec()}
        report = {name: state[name].numpy() for name in REPORTS}
        return AdaptedModel(self, own, single), report

    def signatures(self) -> tuple[Signature, ...]:
        """Returns those of the contract, `adapt_steps`, `adapt_shuffled`."""
        standard = super().signatures()
        adapt = next(one for one in standard if one.name == "adapt")
        inputs = {
            **adapt.inputs,
            "inner_steps": tf.TensorSpec([None], tf.int32, "inner_steps"),
            "inner_learning_rate": tf.TensorSpec(
                [None], tf.float32, "inner_learning_rate"
            ),
        }
        seed = tf.TensorSpec([None, 2], tf.int32, "seed")
        docs = (
            "As adapt, by so many steps of such a size on mini-batches in the "
            "order sent; tells of the path.",
            "As adapt_steps, mini-batches shuffled by each task's seed.",
        )
        more: tuple[dict[str, tf.TensorSpec], ...] = ({}, {"seed": seed})
        found = [
            dataclasses.replace(
                self._signature(
                    name,
                    {**inputs, **extra},
                    (*adapt.outputs, *REPORTS),
                    doc,
                    masks_support=True,
                ),
                padding={"loss_curve": NO_STEP},
            )
            for name, extra, doc in zip(VERBS, more, docs, strict=True)
        ]
        return (*standard, *found)

    def example_extras(self, num_tasks: int) -> dict[str, np.ndarray]:
        """Inputs of endpoints that an episode does not hold.

        Args:
            num_tasks: number of tasks.
        """
        return {
            "inner_steps": np.full(num_tasks, 2, np.int32),
            "inner_learning_rate": np.full(num_tasks, 0.05, np.float32),
            "seed": np.arange(2 * num_tasks, dtype=np.int32).reshape(-1, 2),
        }

    def _serve_adapt_steps(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        inner_steps: tf.Tensor,
        inner_learning_rate: tf.Tensor,
        seed: tf.Tensor | None = None,
        support_mask: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        wrong = (inner_steps < 0) | (inner_steps > MAX_STEPS)
        usable = tf.math.is_finite(inner_learning_rate)
        wrong |= ~(usable & (inner_learning_rate > 0))
        # A faulty task must not lengthen the curves of those beside it.
        steps = tf.where(wrong, 0, inner_steps)
        rates = tf.where(wrong, 1.0, inner_learning_rate)
        verb, seeds = "adapt_steps", []
        if seed is not None:
            verb, seeds = "adapt_shuffled", [seed]
        state = self._serve_verb(
            verb, support_x, support_y, support_mask, steps, rates, *seeds
        )
        return spoil_all(state, wrong)

    def _serve_adapt_shuffled(
        self, **inputs: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return self._serve_adapt_steps(**inputs)

    def _trace(self, verb: str) -> Any:
        if verb not in VERBS:
            return super()._trace(verb)
        specs = [
            tf.TensorSpec(
                [None, None, *self.example_shape], self.example_dtype
            ),
            tf.TensorSpec([None, None], tf.int64),
            tf.TensorSpec([None, None], tf.bool),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], tf.float32),
        ]
        if verb == "adapt_shuffled":
            specs.append(tf.TensorSpec([None, 2], tf.int32))

        def run(x: Any, y: Any, mask: Any, ways: Any, *more: Any) -> Any:
            columns = ways if self.num_ways is None else self.num_ways
            return self.path_state(x, y, mask, columns, *more)

        return tf.function(run, input_signature=specs)
