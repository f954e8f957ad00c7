"""The check that an export passes before it is published."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.serving.exporting.cases import Case, Refusal
from metazoo.serving.exporting.compare import compare, computes_on_gpu
from metazoo.serving.loaders.process import loader_process
from metazoo.serving.session import SavedModelSession

# In a process without this library: `tf.saved_model.load`, and the loader
# in C++ that TensorFlow Serving calls. In this process: a session.
CHECKS = ("saved_model", "cpp", "session")
IN_PROCESS = "session"
INVALID_ARGUMENT = 3
ANSWERED = "is not refused"


def check_names(checks: Sequence[str]) -> tuple[str, ...]:
    """Refuses names of checks that there are not.

    Args:
        checks: Names out of `CHECKS`.

    Raises:
        ExportError: If a name is unknown or none is given.
    """
    known = [name for name in CHECKS if name in checks]
    if isinstance(checks, str) or not known or set(checks) - set(known):
        raise ExportError(
            f"checks must be one or more of {list(CHECKS)}; got {checks!r}"
        )
    return tuple(known)


def check_export(
    directory: Path,
    cases: Sequence[Case],
    refusals: Sequence[Refusal],
    checks: Sequence[str] = CHECKS,
) -> None:
    """Loads an export in every way it will be loaded, and calls it.

    Args:
        directory: The version folder, not yet published.
        cases: Calls with their right answers.
        refusals: Calls that must be refused.
        checks: Which ways, out of `CHECKS`.

    Raises:
        ExportError: Names the way, the signature, the tensor and what
            differed.
    """
    elsewhere = [name for name in checks if name != IN_PROCESS]
    with ThreadPoolExecutor(1, "metazoo-loaders") as pool:
        outside = pool.submit(
            check_elsewhere, directory, cases, refusals, elsewhere
        )
        if IN_PROCESS not in checks:
            outside.result()
            return
        with _session(directory) as session:
            for case in cases:
                compare(case.what, _run(session, case), case.expected)
            # What aborts a process must have done so in the other one.
            outside.result()
            for refusal in refusals:
                _check_refused(session, refusal)


def check_elsewhere(
    directory: Path,
    cases: Sequence[Case],
    refusals: Sequence[Refusal],
    loaders: Sequence[str],
) -> None:
    """Checks an export in a process without this library.

    Args:
        directory: As for `check_export`.
        cases: As for `check_export`.
        refusals: As for `check_export`.
        loaders: Names out of `CHECKS`, without `session`.

    Raises:
        ExportError: As for `check_export`.
    """
    if not loaders:
        return
    found = loader_process().run(
        directory,
        loaders,
        [(case.signature, case.inputs, case.what) for case in cases],
        [(r.signature, r.inputs, r.what) for r in refusals],
    )
    other_device = computes_on_gpu()
    for loader, (answers, codes) in found.items():
        for case, answer in zip(cases, answers, strict=True):
            what = f"{case.what} by the loader {loader!r}"
            compare(what, answer, case.expected, other_device)
        for refusal, (code, message) in zip(refusals, codes, strict=True):
            if code != INVALID_ARGUMENT:
                how = f"ends in code {code} {message!r}" if code else ANSWERED
                raise _refusal_error(refusal, f"{how} by {loader!r}")


def _session(directory: Path) -> SavedModelSession:
    try:
        return SavedModelSession(directory)
    except Exception as error:
        raise ExportError(
            f"the export does not load in a session: {error}"
        ) from error


def _run(session: SavedModelSession, case: Case) -> dict:
    try:
        return session.run(case.signature, case.inputs)
    except tf.errors.OpError as error:
        raise ExportError(
            f"signature {case.signature!r} does not run in a session: "
            f"{error.message}"
        ) from error


def _check_refused(session: SavedModelSession, refusal: Refusal) -> None:
    try:
        session.run(refusal.signature, refusal.inputs)
    except tf.errors.InvalidArgumentError:
        return
    except tf.errors.OpError as error:
        how = f"ends in {type(error).__name__}"
        raise _refusal_error(refusal, how) from error
    raise _refusal_error(refusal, ANSWERED)


def _refusal_error(refusal: Refusal, how: str) -> ExportError:
    return ExportError(
        f"signature {refusal.signature!r}: {refusal.what} {how}; expected "
        "INVALID_ARGUMENT"
    )
