"""Rows of the methods that have a file of their own on either side.

A method M has `data_M.py` (weights and data, NumPy alone), `metazoo_M.py`
and `torch_M_side.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workloads import Workload


@dataclass(frozen=True)
class MethodRow(Workload):
    """One thing to time of one method.

    Attributes:
        method: Name of the method.
        repeats: Steps of a round.
        timed: Whether it is timed, or compared alone.
        checked: Whether both sides' losses are compared; not where they
            draw.
        check_steps: Steps whose losses are compared: those after the first
            depend on gradients and optimizer too.
        tolerance: Largest relative difference of the first losses.
        later_tolerance: Of the losses after it.
    """

    method: str = ""
    repeats: int = 2
    timed: bool = True
    checked: bool = True
    check_steps: int = 1
    tolerance: float = 1e-4
    later_tolerance: float = 1e-3


def _row(
    name: str, kind: str, sizes: tuple[int, ...], **more: Any
) -> MethodRow:
    """A row; sizes are tasks, ways, shots, queries a class, inner steps."""
    method = name.rsplit("_", 1)[0].lower()
    return MethodRow(
        name,
        kind,
        *sizes,
        method=method,
        targets=((f"torch_{method}", 1.0),),
        **more,
    )


METHOD_ROWS = {
    row.name: row
    for row in (
        _row("CAML_step", "train", (4, 5, 1, 5, 3), filters=32, check_steps=3),
        _row(
            "CAML_adapt",
            "adapt",
            (1, 5, 5, 15, 5),
            clock="wall",
            filters=32,
            repeats=5,
        ),
        _row("Leap_step", "train", (2, 20, 20, 5, 20), checked=False),
        # More steps amplify the order of float32 sums beyond any bound.
        _row(
            "Leap_check", "train", (2, 20, 20, 5, 2), timed=False, check_steps=2
        ),
        _row(
            "Leap_adapt",
            "adapt",
            (1, 5, 5, 15, 100),
            clock="wall",
            checked=False,
        ),
        _row("Leap_short", "adapt", (1, 5, 5, 15, 20), timed=False),
        _row(
            "GMM_VAE_step",
            "train",
            (1, 0, 0, 0, 0),
            sample=True,
            checked=False,
            repeats=4,
        ),
        _row(
            "GMM_VAE_check",
            "train",
            (1, 0, 0, 0, 0),
            timed=False,
            check_steps=3,
        ),
        _row(
            "GMM_VAE_adapt",
            "adapt",
            (1, 5, 5, 15, 0),
            clock="wall",
            repeats=10,
        ),
        _row(
            "ATAML_step",
            "train",
            (4, 5, 5, 5, 5),
            filters=128,
            sample=True,
            checked=False,
            repeats=5,
        ),
        _row(
            "ATAML_check",
            "train",
            (4, 5, 5, 5, 5),
            filters=128,
            timed=False,
            check_steps=3,
        ),
        _row(
            "ATAML_adapt",
            "adapt",
            (1, 5, 5, 15, 10),
            clock="wall",
            filters=128,
            repeats=10,
        ),
        _row(
            "TAEML_step",
            "train",
            (1, 5, 5, 3, 0),
            filters=32,
            check_steps=3,
            repeats=10,
        ),
        _row(
            "TAEML_adapt",
            "adapt",
            (1, 5, 5, 15, 0),
            clock="wall",
            filters=32,
            repeats=10,
        ),
        _row(
            "CACTUs_step",
            "train",
            (4, 20, 1, 5, 5),
            filters=32,
            checked=False,
        ),
        # Adam turns what differs in the smallest gradients into whole steps.
        _row(
            "CACTUs_check",
            "train",
            (4, 20, 1, 5, 2),
            filters=32,
            timed=False,
            check_steps=2,
            later_tolerance=1e-2,
        ),
        _row(
            "CACTUs_adapt",
            "adapt",
            (1, 5, 5, 15, 50),
            clock="wall",
            filters=32,
            repeats=5,
            checked=False,
        ),
        _row(
            "CACTUs_short", "adapt", (1, 5, 5, 15, 3), filters=32, timed=False
        ),
    )
}
