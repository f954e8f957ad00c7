"""Writes a learner as a version folder that TensorFlow Serving loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.serving.exporting.cases import right_calls, wrong_calls
from metazoo.serving.exporting.gate import (
    CHECKS,
    IN_PROCESS,
    check_export,
    check_names,
)
from metazoo.serving.exporting.guards import guarded
from metazoo.serving.exporting.variants import Endpoint, endpoints
from metazoo.serving.info import describe, write_info
from metazoo.serving.loaders.process import loader_process
from metazoo.serving.publish import check_version, publish
from metazoo.serving.signature_defs import describe_all, read_signature_defs
from metazoo.serving.staging import staging_folder
from metazoo.serving.warmup import warmup_inputs, write_warmup
from metazoo.wire.signature import Signature


def export(
    learner: Any,
    directory: str | Path,
    version: int | None = None,
    warmup: bool = True,
    variants: Sequence[str] | None = None,
    checks: Sequence[str] = CHECKS,
) -> Path:
    """Exports a learner, checks it as servers load it, and publishes it.

    Nothing appears under a numeric name before it is whole and checked: a
    watching server never sees half a version. The checks call every
    signature (a) by `tf.saved_model.load` and (b) by the loader in C++ that
    TensorFlow Serving uses, both in a process that can import neither this
    library nor Keras, and (c) in a session; all must give the learner's
    numbers and refuse what is malformed.

    Args:
        learner: Offers `signatures()` and `example_episode(num_tasks, seed)`
            or `example_inputs(signature_name, num_tasks)`. The first
            signature becomes `serving_default`. Look-up tables that they
            use belong to the layers in `tables`.
        directory: The model's base folder; versions are its children.
        version: Number of the version; None takes the next free one.
        warmup: Whether to store warm-up records (needs the `serving` extra).
        variants: Further forms of the signatures: "padded", "bytes", or
            names such as "predict_bytes"; None for all padded ones and the
            first signature's in bytes.
        checks: Ways to load the export, out of "saved_model", "cpp" and
            "session"; fewer than all only where time matters more.

    Returns:
        The published version folder.

    Raises:
        ExportError: If the learner can't be exported, the version exists,
            the folder can't be written, or the exported graph does not
            behave as the learner does.
        ImportError: If warm-up records are asked for without the extra.
    """
    # Whole, since a process that checks the export runs in another folder.
    base = Path(directory).absolute()
    checks = check_names(checks)
    check_version(base, version)
    signatures = _signatures_by_name(learner)
    chosen = endpoints(signatures, variants)
    if set(checks) - {IN_PROCESS}:
        # Its TensorFlow is imported while this process traces.
        loader_process().start()
    with staging_folder(base) as staging:
        try:
            _write(staging, learner, chosen)
            cases = right_calls(learner, signatures, chosen)
            if warmup:
                inputs = warmup_inputs(cases, next(iter(chosen)))
                write_warmup(staging, base.resolve().name, inputs)
        except OSError as error:
            raise ExportError(f"can't write to {base}: {error}") from error
        refusals = list(wrong_calls(chosen, cases))
        check_export(staging, cases, refusals, checks)
        return publish(staging, base, version)


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


def _write(
    directory: Path, learner: Any, chosen: Mapping[str, Endpoint]
) -> None:
    # Endpoints only: tracking the model as well would store and restore
    # every variable twice.
    archive = keras.export.ExportArchive()
    for layer in getattr(learner, "tables", ()):
        archive.track(layer)
    try:
        for name, endpoint in chosen.items():
            specs = dict(endpoint.signature.inputs)
            archive.add_endpoint(name, guarded(endpoint.signature), [specs])
        archive.write_out(str(directory), verbose=False)
    except (ExportError, OSError):
        raise
    except tf.errors.OpError as error:
        raise ExportError(
            f"can't write to {directory.parent}: {error.message}"
        ) from error
    except Exception as error:
        raise ExportError(f"the learner can't be exported: {error}") from error
    write_info(directory, type(learner).__name__, _described(directory, chosen))


def _described(
    directory: Path, chosen: Mapping[str, Endpoint]
) -> list[dict[str, Any]]:
    """Describes what is stored: only the graph knows shapes of outputs."""
    stored = describe_all(read_signature_defs(directory))
    described = []
    for name, endpoint in chosen.items():
        signature = endpoint.signature
        inputs, outputs = stored[name].inputs, stored[name].outputs
        described.append(
            describe(
                *(name, signature.doc, signature.docs),
                [inputs[key] for key in signature.inputs],
                [outputs[key] for key in signature.outputs],
            )
        )
    return described
