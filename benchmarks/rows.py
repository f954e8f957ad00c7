"""What is timed: the rows of all methods, found in `methods/*/rows.py`.

Needs NumPy alone, so that each side can import it in its own environment.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

METHODS = Path(__file__).resolve().parent / "methods"
KINDS = ("train", "adapt")
OURS = "metazoo"


@dataclass(frozen=True)
class Peer:
    """A side that metazoo is compared with.

    Attributes:
        name: Its name in the results.
        target: Largest ratio of metazoo's time to its time that is aimed at.
        runtime: "torch" or "jax": where its file runs.
        module: Its file in the method's folder; None for `RUNTIME_side`.
        timed: Whether it is timed, or its loss compared alone.
        checked: Whether its losses are compared; not where either draws.
    """

    name: str
    target: float | None = None
    runtime: str = "torch"
    module: str | None = None
    timed: bool = True
    checked: bool = True

    @property
    def file(self) -> str:
        """Name of its file in the method's folder, without the ending."""
        return self.module or f"{self.runtime}_side"


_OUR_SIDE = Peer(OURS, runtime="keras", module="metazoo_side")


@dataclass(frozen=True)
class Row:
    """One thing to time.

    Attributes:
        name: Its name in the results.
        kind: "train" (an outer update) or "adapt" (adapt to one task and
            predict its queries).
        tasks: Number of tasks of a step.
        ways: Classes of a task.
        shots: Support examples of a class.
        queries: Query examples of a class.
        inner_steps: Inner gradient steps; 0 where there are none.
        peers: What it is compared with.
        doc: One line that says what a step is; empty where it is not timed.
        method: Folder it was found in.
        clock: "cpu" or "wall": the seconds that the targets are about.
        features: Size of feature vectors; 0 where examples are no vectors.
        sample: Whether steps draw: codes, weights, dropout masks.
        filters: Channels of each layer.
        subclasses: Sub-classes of a class; `shots` and `queries` are of each.
        unlabelled: Unlabelled examples of a task, half of them distractors.
        repeats: Steps of a round.
        check_steps: Steps whose losses are compared: those after the first
            depend on gradients and optimizer too.
        tolerance: Largest relative difference of the first losses.
        later_tolerance: Of the losses after it.
    """

    name: str
    kind: str
    tasks: int
    ways: int
    shots: int
    queries: int
    inner_steps: int
    peers: tuple[Peer, ...] = ()
    doc: str = ""
    method: str = ""
    clock: str = "cpu"
    features: int = 0
    sample: bool = False
    filters: int = 64
    subclasses: int = 1
    unlabelled: int = 0
    repeats: int = 2
    check_steps: int = 1
    tolerance: float = 1e-4
    later_tolerance: float = 1e-3

    @property
    def timed(self) -> tuple[Peer, ...]:
        """metazoo and the peers timed beside it; none where none is."""
        return self._sides("timed")

    @property
    def checked(self) -> tuple[Peer, ...]:
        """metazoo and the peers whose losses must agree with its own."""
        return self._sides("checked")

    def _sides(self, what: str) -> tuple[Peer, ...]:
        found = tuple(peer for peer in self.peers if getattr(peer, what))
        return (_OUR_SIDE, *found) if found else ()


@functools.cache
def rows() -> Mapping[str, Row]:
    """All rows by their name, methods in alphabetical order.

    Raises:
        ValueError: two rows have one name, a row names another method than
            its folder, or its kind is unknown.
    """
    found: dict[str, Row] = {}
    for path in sorted(METHODS.glob("*/rows.py")):
        method = path.parent.name
        for row in importlib.import_module(f"methods.{method}.rows").ROWS:
            if row.name in found or row.method != method:
                raise ValueError(
                    f"row {row.name!r} of {method!r}: its name is taken, or "
                    f"its method is {row.method!r}."
                )
            if row.kind not in KINDS:
                raise ValueError(
                    f"row {row.name!r}: got kind {row.kind!r}, expected one "
                    f"of {KINDS}."
                )
            found[row.name] = row
    return found
