"""The check that an export passes before it is published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.serving.examples import Arrays, example_inputs, run_eager
from metazoo.serving.session import SavedModelSession
from metazoo.serving.signatures import ADAPT, ADAPT_PREDICT, PREDICT
from metazoo.signature import Signature

TOLERANCE = 1e-5
NUM_TASKS = (1, 3)


def check_export(
    directory: Path, learner: Any, signatures: Mapping[str, Signature]
) -> None:
    """Loads an export as a server does and compares it with the learner.

    Args:
        directory: The version folder, not yet published.
        learner: The learner it was made from.
        signatures: Its signatures by name.

    Raises:
        ExportError: Names the signature, the tensor and what differed.
    """
    try:
        session = SavedModelSession(directory)
    except Exception as error:
        raise ExportError(
            f"the export does not load in a session: {error}"
        ) from error
    with session:
        for num_tasks in NUM_TASKS:
            examples = example_inputs(learner, signatures, num_tasks)
            for name, signature in signatures.items():
                _check_values(session, signature, examples[name])
                _check_tasks_apart(session, name, examples[name])
            _check_two_calls(session, examples)
        for name, signature in signatures.items():
            _check_guards(session, signature, examples[name])


def _run(session: SavedModelSession, name: str, inputs: Arrays) -> Arrays:
    try:
        return session.run(name, inputs)
    except tf.errors.OpError as error:
        raise ExportError(
            f"signature {name!r} does not run in a session: {error.message}"
        ) from error


def _check_values(
    session: SavedModelSession, signature: Signature, inputs: Arrays
) -> None:
    expected = run_eager(signature, inputs)
    served = _run(session, signature.name, inputs)
    _compare(f"signature {signature.name!r}, served", served, expected)
    num_tasks = len(next(iter(inputs.values())))
    for name, value in served.items():
        if value.ndim == 0 or len(value) != num_tasks:
            raise ExportError(
                f"signature {signature.name!r}: output {name!r} has shape "
                f"{list(value.shape)}; its first axis must be the "
                f"{num_tasks} tasks"
            )


def _check_tasks_apart(
    session: SavedModelSession, name: str, inputs: Arrays
) -> None:
    """Checks that no task sees another: servers merge requests by tasks."""
    together = _run(session, name, inputs)
    alone = _run(session, name, {k: v[-1:] for k, v in inputs.items()})
    last = {key: value[-1:] for key, value in together.items()}
    _compare(f"signature {name!r}, a task among others,", last, alone)


def _check_two_calls(
    session: SavedModelSession, examples: Mapping[str, Arrays]
) -> None:
    if not {ADAPT, PREDICT, ADAPT_PREDICT} <= set(examples):
        return
    once = _run(session, ADAPT_PREDICT, examples[ADAPT_PREDICT])
    state = _run(session, ADAPT, examples[ADAPT])
    twice = _run(session, PREDICT, {**examples[PREDICT], **state})
    shared = {name: twice[name] for name in twice if name in once}
    _compare("adapt then predict, against adapt_predict,", shared, once)


def _compare(what: str, got: Arrays, expected: Arrays) -> None:
    for name, value in got.items():
        wanted = expected[name]
        if value.shape != wanted.shape or value.dtype != wanted.dtype:
            raise ExportError(
                f"{what}: {name!r} is {value.dtype}{list(value.shape)}; "
                f"expected {wanted.dtype}{list(wanted.shape)}"
            )
        if value.dtype.kind != "f":
            if not np.array_equal(value, wanted):
                raise ExportError(f"{what}: {name!r} differs")
            continue
        _compare_floats(f"{what}: {name!r}", value, wanted)


def _compare_floats(what: str, value: np.ndarray, wanted: np.ndarray) -> None:
    if np.isnan(value).any():
        raise ExportError(f"{what} has NaN on example inputs")
    finite = np.abs(wanted[np.isfinite(wanted)])
    limit = TOLERANCE * max(1.0, float(finite.max(initial=0.0)))
    if not np.allclose(value, wanted, rtol=0.0, atol=limit):
        worst = float(np.max(np.abs(value - wanted)))
        raise ExportError(
            f"{what} differs by {worst:.3g}; at most {limit:.3g} is allowed"
        )


def _check_guards(
    session: SavedModelSession, signature: Signature, inputs: Arrays
) -> None:
    for name, value in inputs.items():
        wrong = {**inputs, name: value[np.newaxis]}
        _check_refused(
            session, signature.name, wrong, f"wrong rank of {name!r}"
        )
        if len(inputs) > 1:
            fewer = {**inputs, name: value[:1]}
            what = f"smaller number of tasks of {name!r}"
            _check_refused(session, signature.name, fewer, what)


def _check_refused(
    session: SavedModelSession, signature: str, inputs: Arrays, what: str
) -> None:
    try:
        session.run(signature, inputs)
    except tf.errors.InvalidArgumentError:
        return
    except tf.errors.OpError as error:
        raise ExportError(
            f"signature {signature!r}: a {what} ends in "
            f"{type(error).__name__}; expected INVALID_ARGUMENT"
        ) from error
    raise ExportError(f"signature {signature!r}: a {what} is not refused")
