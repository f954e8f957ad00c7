"""Experiments: the claims of a paper, measured by one resumable command.

A method declares them in its folder; `metazoo bench METHOD --experiment
NAME` trains what is missing, measures cell by cell, and writes the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metazoo._lazy import lazy as _lazy

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


__getattr__, __dir__ = _lazy(
    __name__,
    {
        "bench": "Bench",
        "claims": "Claim",
        "experiment": "Cell Experiment Measurement Picture Scale Training",
        "runner": "run_experiment",
    },
)
