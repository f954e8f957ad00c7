"""Example inputs for every signature of a learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.serving.signatures import ADAPT
from metazoo.wire.signature import Signature

Arrays = dict[str, np.ndarray]


def run_eager(signature: Signature, inputs: Mapping[str, Any]) -> Arrays:
    """Runs a signature's own function, outside any exported graph.

    Args:
        signature: The signature.
        inputs: Wire name -> array.

    Returns:
        Wire name -> array.

    Raises:
        ExportError: If the function itself fails on the inputs.
    """
    tensors = {
        name: tf.convert_to_tensor(value, signature.inputs[name].dtype)
        for name, value in inputs.items()
    }
    try:
        outputs = signature.fn(**tensors)
    except Exception as error:
        raise ExportError(
            f"signature {signature.name!r} fails in Python on example "
            f"inputs: {error}"
        ) from error
    return {
        name: np.asarray(tf.convert_to_tensor(value))
        for name, value in outputs.items()
    }


def example_inputs(
    learner: Any, signatures: Mapping[str, Signature], num_tasks: int
) -> dict[str, Arrays]:
    """Makes inputs for every signature, one episode behind all of them.

    A learner may define `example_inputs(signature_name, num_tasks)`. For
    the others they come from `example_episode(num_tasks, seed)`, and state
    inputs from running `adapt` on that episode. What an episode does not
    hold, such as a seed, comes from `example_extras(num_tasks)`.

    Args:
        learner: The learner.
        signatures: Its signatures by name.
        num_tasks: Length of the tasks axis.

    Returns:
        Signature name -> wire name -> array.

    Raises:
        ExportError: If an input has no source.
    """
    if hasattr(learner, "example_inputs"):
        return {
            name: {
                key: as_example(value)
                for key, value in learner.example_inputs(
                    name, num_tasks
                ).items()
            }
            for name in signatures
        }
    known = _episode_arrays(learner, num_tasks)
    if ADAPT in signatures:
        adapt = signatures[ADAPT]
        state = run_eager(adapt, _select(adapt, known))
        known = {**state, **known}
    return {name: _select(s, known) for name, s in signatures.items()}


def _episode_arrays(learner: Any, num_tasks: int) -> Arrays:
    if not hasattr(learner, "example_episode"):
        raise ExportError(
            f"{type(learner).__name__} defines neither "
            "example_episode(num_tasks, seed) nor "
            "example_inputs(signature_name, num_tasks); the export can't be "
            "checked without one"
        )
    episode = learner.example_episode(num_tasks=num_tasks, seed=num_tasks)
    found = {
        name: as_example(value)
        for name, value in episode._asdict().items()
        if value is not None
    }
    if hasattr(learner, "example_extras"):
        extras = learner.example_extras(num_tasks)
        found |= {name: as_example(value) for name, value in extras.items()}
    return found


def as_example(value: Any) -> np.ndarray:
    """Makes an array of an example; its texts are bytes, as on the wire.

    Args:
        value: Array-like.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "OSU":
        return array
    return np.asarray(tf.convert_to_tensor(value, tf.string).numpy(), object)


def _select(signature: Signature, known: Arrays) -> Arrays:
    missing = sorted(set(signature.inputs) - set(known))
    if missing:
        raise ExportError(
            f"signature {signature.name!r}: no example for the inputs "
            f"{missing}; define example_inputs(signature_name, num_tasks) "
            "on the learner"
        )
    return {
        name: known[name].astype(spec.dtype.as_numpy_dtype, copy=False)
        for name, spec in signature.inputs.items()
    }
