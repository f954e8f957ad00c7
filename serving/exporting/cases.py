"""What an export is tried with: calls it must answer, and refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metazoo.errors import ExportError
from metazoo.serving.exporting.examples import Arrays, example_inputs, run_eager
from metazoo.serving.exporting.variants import Endpoint
from metazoo.serving.signatures import ADAPT, ADAPT_PREDICT, PREDICT
from metazoo.wire.signature import Signature

NUM_TASKS = (1, 3)


@dataclass(frozen=True)
class Case:
    """A call and its right answer.

    Attributes:
        signature: Name of the signature.
        inputs: Wire name -> array.
        expected: Wire name -> array.
        what: The call in words, for errors.
    """

    signature: str
    inputs: Arrays
    expected: Arrays
    what: str


@dataclass(frozen=True)
class Refusal:
    """A call that must end in INVALID_ARGUMENT."""

    signature: str
    inputs: Arrays
    what: str


def right_calls(
    learner: Any,
    signatures: Mapping[str, Signature],
    endpoints: Mapping[str, Endpoint],
) -> list[Case]:
    """Calls of every endpoint, answered by the learner's own functions.

    Args:
        learner: The learner.
        signatures: Its own signatures by name.
        endpoints: What is exported.

    Returns:
        The cases: one and several tasks; a task by itself that was among
        others; adapt then predict against both at once.

    Raises:
        ExportError: If the learner can't answer, or answers without the
            axis of tasks.
    """
    cases: list[Case] = []
    for num_tasks in NUM_TASKS:
        examples = example_inputs(learner, signatures, num_tasks)
        answers = {
            name: run_eager(signature, examples[name])
            for name, signature in signatures.items()
        }
        for name, answer in answers.items():
            _check_tasks_axis(name, answer, num_tasks)
        for endpoint in endpoints.values():
            inputs = endpoint.to_wire(examples[endpoint.base])
            cases += _cases(
                endpoint.signature, inputs, answers[endpoint.base], num_tasks
            )
        cases += _two_calls(examples, answers)
    return cases


def wrong_calls(
    endpoints: Mapping[str, Endpoint], cases: list[Case]
) -> Iterator[Refusal]:
    """Calls of every endpoint that only the graph can refuse.

    Args:
        endpoints: What is exported.
        cases: Right calls to start from; of each endpoint, the first with
            several tasks is taken.
    """
    for name, endpoint in endpoints.items():
        inputs = next(
            case.inputs
            for case in cases
            if case.signature == name and _num_tasks(case.inputs) > 1
        )
        none = {key: value[:0] for key, value in inputs.items()}
        yield Refusal(name, none, "a request of no tasks")
        base = endpoints[endpoint.base].signature
        for key, value in inputs.items():
            packed = key in base.inputs and _is_packed(endpoint, base, key)
            for what, wrong in _wrong_values(endpoint, key, value, packed):
                yield Refusal(name, {**inputs, key: wrong}, f"{what} {key!r}")


def _cases(
    signature: Signature, inputs: Arrays, answer: Arrays, num_tasks: int
) -> list[Case]:
    name = signature.name
    cases = [Case(name, inputs, answer, f"signature {name!r}, served")]
    if num_tasks > 1:
        # Servers merge requests by tasks: no task may see another.
        cases.append(
            Case(
                name,
                {key: value[-1:] for key, value in inputs.items()},
                _alone(signature, answer),
                f"signature {name!r}, a task among others, alone",
            )
        )
    return cases


def _alone(signature: Signature, answer: Arrays) -> Arrays:
    """The last task's answer, without the padding for those beside it."""
    last = {key: value[-1:] for key, value in answer.items()}
    used = 0
    for key, fill in signature.padding.items():
        slots = last[key].reshape(*last[key].shape[:2], -1)
        filled = np.flatnonzero((slots != fill).any((0, 2)))
        used = max(used, 1 + int(filled.max(initial=-1)))
    return {
        key: value[:, :used] if key in signature.padding else value
        for key, value in last.items()
    }


def _two_calls(
    examples: Mapping[str, Arrays], answers: Mapping[str, Arrays]
) -> list[Case]:
    if not {ADAPT, PREDICT, ADAPT_PREDICT} <= set(examples):
        return []
    inputs = {**examples[PREDICT], **answers[ADAPT]}
    twice = answers[PREDICT]
    once = {k: v for k, v in answers[ADAPT_PREDICT].items() if k in twice}
    what = "adapt then predict, against adapt_predict"
    return [Case(PREDICT, inputs, once, what)]


def _check_tasks_axis(name: str, answer: Arrays, num_tasks: int) -> None:
    for key, value in answer.items():
        if value.ndim == 0 or len(value) != num_tasks:
            raise ExportError(
                f"signature {name!r}: output {key!r} has shape "
                f"{list(value.shape)}; its first axis must be the "
                f"{num_tasks} tasks"
            )


def _wrong_values(
    endpoint: Endpoint, key: str, value: np.ndarray, packed: bool
) -> Iterator[tuple[str, np.ndarray]]:
    spec = endpoint.signature.inputs[key]
    yield "wrong rank of", value[np.newaxis]
    if spec.shape.rank > 1 and spec.shape[1] is None:
        yield "no values in", value[:, :0]
    if len(endpoint.signature.inputs) > 1:
        yield "smaller number of tasks of", value[:1]
    if packed:
        longer = [content + b"\0" for content in value]
        yield "a byte too many in", np.array(longer, object)


def _is_packed(endpoint: Endpoint, base: Signature, key: str) -> bool:
    """Whether an input holds numbers as bytes, not strings of its own."""
    return endpoint.signature.inputs[key].dtype != base.inputs[key].dtype


def _num_tasks(inputs: Arrays) -> int:
    return len(next(iter(inputs.values())))
