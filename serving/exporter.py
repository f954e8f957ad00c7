"""Writes a learner as a version folder that TensorFlow Serving loads."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import uuid
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.serving.examples import example_inputs
from metazoo.serving.gate import check_export
from metazoo.serving.publish import publish
from metazoo.serving.signatures import INFO_FILE
from metazoo.serving.warmup import write_warmup
from metazoo.signature import Signature


def export(
    learner: Any,
    directory: str | Path,
    version: int | None = None,
    warmup: bool = True,
) -> Path:
    """Exports a learner, checks it as a server would, and publishes it.

    Nothing appears under a numeric name before it is whole and checked: a
    watching server never sees half a version.

    Args:
        learner: Offers `signatures()` and `example_episode(num_tasks, seed)`
            or `example_inputs(signature_name, num_tasks)`. The first
            signature becomes `serving_default`.
        directory: The model's base folder; versions are its children.
        version: Number of the version; None takes the next free one.
        warmup: Whether to store warm-up records (needs the `serving` extra).

    Returns:
        The published version folder.

    Raises:
        ExportError: If the learner can't be exported, the version exists, or
            the exported graph does not behave as the learner does.
        ImportError: If warm-up records are asked for without the extra.
    """
    base = Path(directory)
    base.mkdir(parents=True, exist_ok=True)
    signatures = _signatures_by_name(learner)
    staging = base / f".tmp-{uuid.uuid4().hex}"
    try:
        _write_saved_model(staging, signatures)
        _write_info(staging, learner, signatures)
        if warmup:
            examples = example_inputs(learner, signatures, num_tasks=1)
            write_warmup(staging, base.resolve().name, examples)
        check_export(staging, learner, signatures)
        return publish(staging, base, version)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _signatures_by_name(learner: Any) -> dict[str, Signature]:
    signatures = tuple(learner.signatures())
    if not signatures:
        raise ExportError(f"{type(learner).__name__} offers no signatures")
    by_name = {signature.name: signature for signature in signatures}
    if len(by_name) != len(signatures):
        raise ExportError(
            f"{type(learner).__name__} offers a signature name twice: "
            f"{[signature.name for signature in signatures]}"
        )
    return by_name


def _write_saved_model(
    directory: Path, signatures: dict[str, Signature]
) -> None:
    # Endpoints only: tracking the model as well would store and restore
    # every variable twice.
    archive = keras.export.ExportArchive()
    try:
        for name, signature in signatures.items():
            specs = dict(signature.inputs)
            archive.add_endpoint(name, guarded(signature), [specs])
        archive.write_out(str(directory), verbose=False)
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(f"the learner can't be exported: {error}") from error


def guarded(
    signature: Signature,
) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """Wraps a signature so that a wrong shape ends in INVALID_ARGUMENT.

    Without `tf.ensure_shape` as the first operation on every input, a wrong
    rank aborts the whole server process in oneDNN, and a wrong size may be
    answered silently; without the check of the tasks axis, one task is
    broadcast against several and answered silently too.

    Args:
        signature: The signature.

    Returns:
        A function of one dict, as the exporter registers it.
    """

    def endpoint(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        checked = {
            name: tf.ensure_shape(inputs[name], spec.shape, name=f"{name}_is")
            for name, spec in signature.inputs.items()
        }
        outputs = signature.fn(**_as_many_tasks(checked))
        if set(outputs) != set(signature.outputs):
            raise ExportError(
                f"signature {signature.name!r} returns {sorted(outputs)}; "
                f"it declares {sorted(signature.outputs)}"
            )
        return {name: outputs[name] for name in signature.outputs}

    return endpoint


def _as_many_tasks(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Refuses inputs of different numbers of tasks; servers don't look."""
    counts = [tf.shape(value)[0] for value in inputs.values()]
    checks = [
        tf.debugging.assert_equal(
            count, counts[0], f"{name} has another number of tasks"
        )
        for name, count in zip(inputs, counts, strict=True)
    ]
    with tf.control_dependencies(checks[1:]):
        return {name: tf.identity(value) for name, value in inputs.items()}


def _write_info(
    directory: Path, learner: Any, signatures: dict[str, Signature]
) -> None:
    described = [_describe(signature) for signature in signatures.values()]
    canonical = json.dumps(described, sort_keys=True).encode()
    info = {
        "learner": type(learner).__name__,
        "signatures": described,
        "signatures_sha256": hashlib.sha256(canonical).hexdigest(),
        "packages": {
            "metazoo": metadata.version("metazoo"),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
        "python": platform.python_version(),
    }
    path = directory / INFO_FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(info, indent=2) + "\n")


def _describe(signature: Signature) -> dict[str, Any]:
    return {
        "name": signature.name,
        "doc": signature.doc,
        "inputs": {
            name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            for name, spec in signature.inputs.items()
        },
        "outputs": list(signature.outputs),
    }
