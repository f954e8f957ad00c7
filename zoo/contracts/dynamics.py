"""The dynamics contract: adapt to transitions, predict what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.base import MetaLearner
from metazoo.contracts.outer_update import apply_meta_gradients, build_optimizer
from metazoo.wire.examples import draw_inputs
from metazoo.wire.faults import spoil_all, tasks_not_finite
from metazoo.wire.signature import Signature

Tensors = Mapping[str, tf.Tensor]
MASK = "transition_mask"


class DynamicsLearner(MetaLearner):
    """A model of a system that adapts to the transitions it has seen.

    A method implements `adapt_state` (or, if it is recursive,
    `initial_state` and `update_state`), `predict_from_state`, `state_spec`
    and `prediction_names`, all on tensors with a leading tasks axis; the
    served endpoints follow. The loss of its training is `meta_loss`.

    Args:
        observation_size: values of one observation.
        action_size: values of one action.
        name: name of the model.

    Attributes:
        recursive: new transitions can be added to a state (`update_state`),
            so a stream needs no window of its past.
    """

    contract = "dynamics"
    recursive: bool = False

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.observation_size = observation_size
        self.action_size = action_size

    def build(self, input_shape: Any = None) -> None:
        """Marks the model as built: its constructor makes all variables."""
        self.built = True

    # What a method declares.

    def transition_spec(self) -> dict[str, tf.TensorSpec]:
        """`observations`, `actions`, `next_observations`, the mask.

        Floats are float32 [tasks, transitions, size]; `transition_mask` is
        bool [tasks, transitions], False where a row is padding.
        """
        x, u = self.observation_size, self.action_size
        return {
            "observations": _spec("observations", None, x),
            "actions": _spec("actions", None, u),
            "next_observations": _spec("next_observations", None, x),
            MASK: _spec(MASK, None, dtype=tf.bool),
        }

    def query_spec(self) -> dict[str, tf.TensorSpec]:
        """`query_observations` and `query_actions` [tasks, query, size]."""
        return {
            "query_observations": _spec(
                "query_observations", None, self.observation_size
            ),
            "query_actions": _spec("query_actions", None, self.action_size),
        }

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """Specs of the state, named, with a leading tasks axis of None."""
        raise NotImplementedError

    def prediction_names(self) -> tuple[str, ...]:
        """Names of what `predict_from_state` returns."""
        raise NotImplementedError

    # The verbs of the contract, on tensors.

    def initial_state(self, num_tasks: Any) -> dict[str, tf.Tensor]:
        """The state before any transition: the prior.

        Args:
            num_tasks: length of the tasks axis.
        """
        raise NotImplementedError

    def update_state(
        self, transitions: Tensors, state: Tensors
    ) -> dict[str, tf.Tensor]:
        """Adds transitions to a state; pure. Only if `recursive`.

        Args:
            transitions: as `transition_spec` says.
            state: a state.

        Returns:
            The new state.
        """
        raise NotImplementedError

    def adapt_state(self, transitions: Tensors) -> dict[str, tf.Tensor]:
        """Learns a system from its transitions; pure.

        Args:
            transitions: as `transition_spec` says. Padding is zero; with
                nothing but padding the state is the prior.

        Returns:
            The state: name to tensor with a leading tasks axis.
        """
        num_tasks = tf.shape(transitions[MASK])[0]
        return self.update_state(transitions, self.initial_state(num_tasks))

    def predict_from_state(
        self, query: Tensors, state: Tensors
    ) -> dict[str, tf.Tensor]:
        """Predicts what follows each query; pure.

        Args:
            query: as `query_spec` says.
            state: what `adapt_state` or `update_state` returned.

        Returns:
            One tensor for each of `prediction_names`, tasks axis first.
        """
        raise NotImplementedError

    def meta_loss(self, past: Tensors, future: Tensors) -> tf.Tensor:
        """Loss of the future of some systems after adapting to their past.

        Args:
            past: transitions to adapt to.
            future: transitions to predict.

        Returns:
            Scalar.
        """
        raise NotImplementedError

    # Keras: an example is a system's past and its future.

    def train_step(self, data: Any) -> dict[str, Any]:
        """One outer update on `(past, future)`, two dicts of transitions.

        Args:
            data: what a data set of such pairs yields.

        Returns:
            Metric name to value.
        """
        past, future = data[0], data[1]
        variables = self.trainable_variables
        build_optimizer(self.optimizer, variables)
        with tf.GradientTape() as tape:
            loss = self.meta_loss(past, future)
        gradients = tape.gradient(
            loss, [v.value for v in variables], unconnected_gradients="zero"
        )
        apply_meta_gradients(self.optimizer, gradients, variables)
        self._loss_tracker.update_state(loss)
        return {"loss": self._loss_tracker.result()}

    def test_step(self, data: Any) -> dict[str, Any]:
        """The loss on `(past, future)`, two dicts of transitions."""
        self._loss_tracker.update_state(self.meta_loss(data[0], data[1]))
        return {"loss": self._loss_tracker.result()}

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "observation_size": self.observation_size,
            "action_size": self.action_size,
        }

    # What the exporter needs.

    def signatures(self) -> tuple[Signature, ...]:
        """`adapt_predict`, `adapt`, `predict`; `update` if recursive."""
        transitions, query = self.transition_spec(), self.query_spec()
        state = self.state_spec()
        served = [
            Signature(
                "adapt_predict",
                {**transitions, **query},
                self._serve_adapt_predict,
                self.prediction_names(),
                "Adapts to each system's transitions and predicts queries.",
            ),
            Signature(
                "adapt",
                transitions,
                self._serve_adapt,
                tuple(state),
                "Adapts to transitions; with none of them real, the prior.",
            ),
            Signature(
                "predict",
                {**query, **state},
                self._serve_predict,
                self.prediction_names(),
                "Predicts queries from a state.",
            ),
        ]
        if self.recursive:
            update = Signature(
                "update",
                {**transitions, **state},
                self._serve_update,
                tuple(state),
                "Adds transitions to a state.",
            )
            served.append(update)
        return tuple(served)

    def example_inputs(
        self, signature_name: str, num_tasks: int
    ) -> dict[str, np.ndarray]:
        """Random valid inputs, to try a signature on.

        Args:
            signature_name: one of `signatures`.
            num_tasks: length of the tasks axis.
        """
        transitions, query = self.transition_spec(), self.query_spec()
        known = draw_inputs({**transitions, **query}, num_tasks, num_tasks)
        state = self._serve_adapt(
            **{name: tf.constant(known[name]) for name in transitions}
        )
        known |= {name: value.numpy() for name, value in state.items()}
        named = {signature.name: signature for signature in self.signatures()}
        return {name: known[name] for name in named[signature_name].inputs}

    def _serve_adapt(self, **transitions: tf.Tensor) -> dict[str, tf.Tensor]:
        transitions = _without_padding(transitions)
        wrong = tasks_not_finite(transitions.values())
        return spoil_all(self.adapt_state(transitions), wrong)

    def _serve_update(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        state = {name: inputs.pop(name) for name in self.state_spec()}
        transitions = _without_padding(inputs)
        wrong = tasks_not_finite([*transitions.values(), *state.values()])
        return spoil_all(self.update_state(transitions, state), wrong)

    def _serve_predict(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        wrong = tasks_not_finite(inputs.values())
        state = {name: inputs.pop(name) for name in self.state_spec()}
        return spoil_all(self.predict_from_state(inputs, state), wrong)

    def _serve_adapt_predict(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        query = {name: inputs.pop(name) for name in self.query_spec()}
        return self._serve_predict(**query, **self._serve_adapt(**inputs))


def _spec(
    name: str, *shape: int | None, dtype: tf.DType = tf.float32
) -> tf.TensorSpec:
    return tf.TensorSpec([None, *shape], dtype, name)


def _without_padding(transitions: Tensors) -> dict[str, tf.Tensor]:
    """Zeroes what the mask hides, so that even NaN there does no harm."""
    mask = transitions[MASK]

    def clean(value: tf.Tensor) -> tf.Tensor:
        return tf.where(mask[..., None], value, tf.zeros([], value.dtype))

    return {
        name: value if name == MASK else clean(value)
        for name, value in transitions.items()
    }
