"""The proposer contract: propose, be told what came of it, propose again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.base import MetaLearner
from metazoo.wire.examples import draw_inputs
from metazoo.wire.faults import spoil_all, tasks_not_finite
from metazoo.wire.signature import Signature

Tensors = Mapping[str, tf.Tensor]


class Proposer(MetaLearner):
    """A learner that proposes weights, updates, designs or configurations.

    A task is one run of proposals: one architecture to give weights to, one
    model to optimise, one target to design for, one search. All tensors
    have a leading tasks axis; a scalar of a task is a tensor [tasks], and a
    seed is int32 [tasks, 2], so that tasks served together stay apart.

    A method declares five specs and implements the verbs they call for:

    | spec | empty when | verb |
    | --- | --- | --- |
    | `task_spec` | there is no state | `initial_state` |
    | `state_spec` | proposals depend on the context alone | |
    | `context_spec` | proposals depend on the state alone | `propose` |
    | `result_spec` | nothing is reported back | `observe` |

    The served endpoints `propose`, `initial_state` and `observe` follow,
    and those without a verb are left out.
    """

    contract = "proposer"

    def build(self, input_shape: Any = None) -> None:
        """Marks the model as built: its constructor makes all variables."""
        self.built = True

    # What a method declares.

    def task_spec(self) -> dict[str, tf.TensorSpec]:
        """Specs of what starts a task; by default nothing."""
        return {}

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """Specs of the state; by default there is none."""
        return {}

    def context_spec(self) -> dict[str, tf.TensorSpec]:
        """Specs of what each proposal is made for; by default nothing."""
        return {}

    def result_spec(self) -> dict[str, tf.TensorSpec]:
        """Specs of what is reported of a proposal; by default nothing."""
        return {}

    def proposal_names(self) -> tuple[str, ...]:
        """Names of the tensors of a proposal."""
        raise NotImplementedError

    # The verbs of the contract, on tensors.

    def initial_state(self, task: Tensors) -> dict[str, tf.Tensor]:
        """The state before the first proposal; pure.

        Args:
            task: as `task_spec` says.
        """
        raise NotImplementedError

    def propose(
        self, context: Tensors, state: Tensors
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Makes one proposal for each task; pure.

        Args:
            context: as `context_spec` says.
            state: as `state_spec` says.

        Returns:
            The proposal (`proposal_names`) and the new state.
        """
        raise NotImplementedError

    def observe(self, result: Tensors, state: Tensors) -> dict[str, tf.Tensor]:
        """Learns what came of proposals; pure.

        Args:
            result: as `result_spec` says.
            state: as `state_spec` says.

        Returns:
            The new state.
        """
        raise NotImplementedError

    def objective(self, result: Tensors) -> tf.Tensor:
        """What meta-training minimises: the cost of proposals.

        Args:
            result: as `result_spec` says.

        Returns:
            float32 [tasks], lower is better.
        """
        raise NotImplementedError

    # What the exporter needs.

    def signatures(self) -> tuple[Signature, ...]:
        """`propose`; with a state `initial_state`; with results `observe`."""
        state = self.state_spec()
        served = [
            Signature(
                "propose",
                {**self.context_spec(), **state},
                self._serve_propose,
                (*self.proposal_names(), *state),
                "Makes one proposal for each task.",
            )
        ]
        if state:
            served.append(
                Signature(
                    "initial_state",
                    self.task_spec(),
                    self._serve_initial_state,
                    tuple(state),
                    "The state of each task before its first proposal.",
                )
            )
        if self.result_spec():
            served.append(
                Signature(
                    "observe",
                    {**self.result_spec(), **state},
                    self._serve_observe,
                    tuple(state),
                    "Adds to the state what came of proposals.",
                )
            )
        return tuple(served)

    def example_inputs(
        self, signature_name: str, num_tasks: int
    ) -> dict[str, np.ndarray]:
        """Random valid inputs, to try a signature on.

        Args:
            signature_name: one of `signatures`.
            num_tasks: length of the tasks axis.
        """
        task = self.task_spec()
        specs = {**task, **self.context_spec(), **self.result_spec()}
        known = draw_inputs(specs, num_tasks, num_tasks)
        if self.state_spec():
            started = {name: tf.constant(known[name]) for name in task}
            state = self._serve_initial_state(**started)
            known |= {name: value.numpy() for name, value in state.items()}
        named = {signature.name: signature for signature in self.signatures()}
        return {name: known[name] for name in named[signature_name].inputs}

    def _serve_initial_state(self, **task: tf.Tensor) -> dict[str, tf.Tensor]:
        return spoil_all(
            self.initial_state(task), tasks_not_finite(task.values())
        )

    def _serve_propose(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        wrong = tasks_not_finite(inputs.values())
        state = {name: inputs.pop(name) for name in self.state_spec()}
        proposal, state = self.propose(inputs, state)
        return spoil_all({**proposal, **state}, wrong)

    def _serve_observe(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        wrong = tasks_not_finite(inputs.values())
        state = {name: inputs.pop(name) for name in self.state_spec()}
        return spoil_all(self.observe(inputs, state), wrong)
