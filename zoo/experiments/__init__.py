"""Experiments: the claims of a paper, measured by one resumable command.

A method declares them in its folder; `metazoo bench METHOD --experiment
NAME` trains what is missing, measures cell by cell, and writes the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metazoo._lazy import resolve as _resolve

if TYPE_CHECKING:
    from metazoo.experiments.bench import Bench
    from metazoo.experiments.claims import Claim
    from metazoo.experiments.experiment import (
        Cell,
        Experiment,
        Measurement,
        Picture,
        Scale,
        Training,
    )
    from metazoo.experiments.runner import run_experiment

__all__ = [
    "Bench",
    "Cell",
    "Claim",
    "Experiment",
    "Measurement",
    "Picture",
    "Scale",
    "Training",
    "run_experiment",
]

_NAMES = {
    "Bench": "metazoo.experiments.bench",
    "Cell": "metazoo.experiments.experiment",
    "Claim": "metazoo.experiments.claims",
    "Experiment": "metazoo.experiments.experiment",
    "Measurement": "metazoo.experiments.experiment",
    "Picture": "metazoo.experiments.experiment",
    "Scale": "metazoo.experiments.experiment",
    "Training": "metazoo.experiments.experiment",
    "run_experiment": "metazoo.experiments.runner",
}


def __getattr__(name: str) -> Any:
    found = _resolve(__name__, name, _NAMES)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
