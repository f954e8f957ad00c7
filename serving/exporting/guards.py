"""Checks in front of every endpoint: a server looks at names and dtypes."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.wire.guards import require_equal, require_filled
from metazoo.wire.signature import Signature

Tensors = dict[str, tf.Tensor]


def guarded(signature: Signature) -> Callable[[Tensors], Tensors]:
    """Wraps a signature so that a wrong shape ends in INVALID_ARGUMENT.

    Without `tf.ensure_shape` as the first operation on every input, a wrong
    rank aborts the whole server process in oneDNN, and a wrong size may be
    answered silently; without the check of the tasks axis, one task is
    broadcast against several and answered silently too; an empty support
    set ends in INTERNAL.

    Args:
        signature: The signature.

    Returns:
        A function of one dict, as the exporter registers it.
    """

    def endpoint(inputs: Tensors) -> Tensors:
        shaped = {
            name: tf.ensure_shape(inputs[name], spec.shape, name=f"{name}_is")
            for name, spec in signature.inputs.items()
        }
        outputs = signature.fn(**_checked(shaped))
        if set(outputs) != set(signature.outputs):
            raise ExportError(
                f"signature {signature.name!r} returns {sorted(outputs)}; "
                f"it declares {sorted(signature.outputs)}"
            )
        return {name: outputs[name] for name in signature.outputs}

    return endpoint


def _checked(inputs: Tensors) -> Tensors:
    checks = [require_filled(inputs)]
    if len(inputs) > 1:
        checks.append(_as_many_tasks(inputs))
    with tf.control_dependencies(checks):
        return {name: tf.identity(value) for name, value in inputs.items()}


def _as_many_tasks(inputs: Tensors) -> tf.Operation:
    return require_equal(
        [tf.shape(value)[0] for value in inputs.values()],
        list(inputs),
        "input tensors have another number of tasks than "
        f"{next(iter(inputs))}:",
    )
