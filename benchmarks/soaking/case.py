"""One kind of request, what must come back, and the check of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

# Odd versions hold the first learner's weights, even ones the second's.
WEIGHTS = ("even", "odd")
TOLERANCE = 1e-4
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A request that is sent many times.

    Attributes:
        kind: What it is, for the counts of the report.
        transport: `grpc` or `rest`.
        path: gRPC method or URL path.
        payload: The message or body, ready to send.
        status: The gRPC code or HTTP status that must come back.
        part: What the message of a refusal must hold.
        answers: Weights -> outputs, for those versions that may answer.
        headers: HTTP headers.
        mode: `plain`, `slow` (sent in pieces), `cut` (left half-way) or
            `huge` (the payload is repeated to 100 MB).
    """

    kind: str
    transport: str
    path: str
    payload: bytes
    status: str
    part: str = ""
    answers: dict[str, Arrays] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    mode: str = "plain"


@dataclass(frozen=True)
class Outcome:
    """What came back.

    Attributes:
        status: gRPC code or HTTP status; `refused` if nobody listened,
            `closed` if an idle connection had been closed meanwhile, `cut`
            if the connection ended in the middle, `not loaded` if a version
            that exists was not found, `left` if the case says so.
        message: Of a refusal.
        outputs: The tensors of an answer.
        version: The version that answered, where the wire tells.
    """

    status: str
    message: str = ""
    outputs: Arrays = field(default_factory=dict)
    version: int | None = None


# Where these are allowed is judged by the time they came at.
OUTAGES = (
    "UNAVAILABLE",
    "CANCELLED",
    "refused",
    "closed",
    "cut",
    "not loaded",
)


def seen_of(case: Case, outcome: Outcome) -> Outcome:
    """Tells a version that is not loaded yet from one that is unknown.

    A server that was just started answers once every model has a version.
    """
    missing = outcome.status in ("NOT_FOUND", "404")
    if missing and case.status in ("OK", "200"):
        return replace(outcome, status="not loaded")
    return outcome


def problem_of(case: Case, outcome: Outcome) -> str | None:
    """Says what is wrong with an outcome, None if nothing is.

    Args:
        case: What was sent.
        outcome: What came back; none of `OUTAGES`.
    """
    if outcome.status != case.status:
        return (
            f"status {outcome.status}, expected {case.status}: "
            f"{outcome.message[:200]}"
        )
    if case.part not in outcome.message:
        return f"no {case.part!r} in the message: {outcome.message[:200]}"
    if not case.answers:
        return None
    return _wrong_answer(case, outcome)


def _wrong_answer(case: Case, outcome: Outcome) -> str | None:
    if outcome.version is None:
        candidates = list(case.answers.values())
    else:
        weights = WEIGHTS[outcome.version % 2]
        if weights not in case.answers:
            return f"version {outcome.version} answered"
        candidates = [case.answers[weights]]
    if any(_same(outcome.outputs, answer) for answer in candidates):
        return None
    return f"wrong answer of version {outcome.version}"


def _same(got: Arrays, wanted: Arrays) -> bool:
    return set(got) == set(wanted) and all(
        got[name].shape == value.shape
        and np.allclose(
            got[name],
            value,
            rtol=TOLERANCE,
            atol=TOLERANCE,
            equal_nan=True,
        )
        for name, value in wanted.items()
    )
