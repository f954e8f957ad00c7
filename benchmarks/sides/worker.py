"""The process of one side: reads commands, answers measurements, as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

Step = Callable[[], float]
Make = Callable[[str, str], Step]


def serve(make: Make, versions: dict[str, str]) -> None:
    """Answers one JSON line for each JSON line on standard input.

    Commands: `{"do": "prepare", "work": W, "module": M}` builds a step and
    runs it twice; `{"do": "run", ..., "steps": n}` times n steps;
    `{"do": "losses", ..., "steps": n}` gives the losses of the first n steps
    from the given weights; `{"do": "peak"}` gives the peak memory so far.

    Args:
        make: From the names of row and module to a step, a function that
            runs it to its end and returns its loss.
        versions: Library to version.
    """
    answers = sys.stdout
    # Libraries may print; only answers go to the orchestrator.
    sys.stdout = sys.stderr
    steps: dict[tuple[str, str], Step] = {}
    for line in sys.stdin:
        command = json.loads(line)
        answer = _answer(command, make, steps, versions)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(
    command: dict[str, Any],
    make: Make,
    steps: dict[tuple[str, str], Step],
    versions: dict[str, str],
) -> dict[str, Any]:
    if command["do"] == "versions":
        return versions
    if command["do"] == "peak":
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"peak_mib": peak / 1024}
    key = command["work"], command["module"]
    if command["do"] == "losses":
        step = make(*key)
        return {"losses": [step() for _ in range(command["steps"])]}
    if key not in steps:
        steps[key] = make(*key)
        steps[key]()
        steps[key]()
    if command["do"] == "prepare":
        return {}
    return _timed(steps[key], command["steps"])


def _timed(step: Step, count: int) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(count):
        step()
    return {
        "cpu": (time.process_time() - cpu) / count,
        "wall": (time.perf_counter() - wall) / count,
    }
