"""Evaluates every system of a comparison on the same episodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.comparison.choice import Contender, System
from metazoo.comparison.field import Field
from metazoo.comparison.pairs import paired_differences
from metazoo.data.sampler_checks import (
    check_enough_classes,
    check_enough_examples,
)
from metazoo.errors import EpisodeError
from metazoo.stored_cells import stored_cell

if TYPE_CHECKING:
    from metazoo.data import ClassDataset

CELLS_NAME = "cells"

Progress = Callable[[int, int, str], None]
EpisodeProgress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True)
class Task:
    """How a comparison is measured; the same for every system.

    Attributes:
        ways: numbers of classes.
        shots: numbers of support examples a class.
        queries: query examples a class, in every setting.
        episodes: of each seed.
        seeds: of the episodes.
    """

    ways: tuple[int, ...] = (5,)
    shots: tuple[int, ...] = (1,)
    queries: int = 15
    episodes: int = 600
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        """Refuses what gives no interval, or counts an episode twice.

        Raises:
            EpisodeError: too few episodes, or a seed twice.
        """
        if self.episodes < 2:
            raise EpisodeError(
                f"episodes must be 2 or more; got {self.episodes}."
            )
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise EpisodeError(
                f"seeds must be distinct; got {list(self.seeds)}."
            )

    @property
    def settings(self) -> list[tuple[int, int]]:
        """Pairs of ways and shots, each once, in the order given."""
        pairs = [(way, shot) for way in self.ways for shot in self.shots]
        return list(dict.fromkeys(pairs))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        systems: names of the lines, in order.
        methods: system to the name of its method.
        settings: pairs of ways and shots.
        records: a dict for each measured cell: `system`, `method`, `preset`,
            `trained_on`, what `EvaluationResult.to_dict` has, and
            `accuracies` [episodes].
        differences: what `paired_differences` makes of the records.
        gaps: a dict for each cell without a measurement: `system`, `ways`,
            `shots` and `reason`.
        left_out: method to why it has no line.
    """

    systems: tuple[str, ...]
    methods: Mapping[str, str]
    settings: tuple[tuple[int, int], ...]
    records: tuple[Mapping[str, Any], ...]
    differences: tuple[Mapping[str, Any], ...]
    gaps: tuple[Mapping[str, Any], ...]
    left_out: Mapping[str, str]

    def record(self, system: str, setting: tuple[int, int]) -> Any:
        """The cell of a system and a setting.

        Args:
            system: name of the line.
            setting: ways and shots.

        Returns:
            Its record, or None if it was not measured.
        """
        for one in self.records:
            if (one["system"], one["ways"], one["shots"]) == (system, *setting):
                return one
        return None

    def to_dict(self) -> dict[str, Any]:
        """Everything, accuracies of single episodes too, in JSON types."""
        return {
            "systems": list(self.systems),
            "methods": dict(self.methods),
            "settings": [
                {"ways": way, "shots": shot} for way, shot in self.settings
            ],
            "records": [dict(one) for one in self.records],
            "differences": [dict(one) for one in self.differences],
            "gaps": [dict(one) for one in self.gaps],
            "left_out": dict(self.left_out),
        }


def compare(
    field: Field,
    data: ClassDataset,
    task: Task,
    *,
    output: str | Path | None = None,
    progress: Progress | None = None,
    episode_progress: EpisodeProgress | None = None,
) -> Comparison:
    """Measures every system in every setting on the same episodes.

    With a folder, each cell is stored when it is done; called again, a
    comparison that was killed measures what is missing.

    Args:
        field: the systems.
        data: classes to draw from.
        task: how to measure.
        output: folder of the cells, or None to keep nothing.
        progress: called with the cells done, their number, and the name of
            the next, or "" at the end.
        episode_progress: called with a cell's episodes done and their total.

    Returns:
        What was found.

    Raises:
        EpisodeError: the task does not fit the data or a learner.
        MetazooError: the folder holds cells of another task or preset.
    """
    for ways, shots in task.settings:
        check_enough_classes(data, ways)
        check_enough_examples(data, shots, task.queries)
    cells, gaps = _plan(field.systems, task)
    measured = _Measured(data, task, output, episode_progress)
    done: list[dict[str, Any]] = []
    for number, cell in enumerate(cells):
        if progress is not None:
            progress(number, len(cells), cell.key)
        done.append(measured.record(cell))
    if progress is not None:
        progress(len(cells), len(cells), "")
    return Comparison(
        tuple(system.name for system in field.systems),
        {system.name: system.method for system in field.systems},
        tuple(task.settings),
        tuple(done),
        tuple(paired_differences(done)),
        tuple(gaps),
        field.left_out,
    )


@dataclasses.dataclass(frozen=True)
class _Cell:
    """A system in a setting, and the preset that stands for it."""

    system: System
    contender: Contender
    ways: int
    shots: int

    @property
    def key(self) -> str:
        """Name of the cell's file."""
        return f"{self.contender.preset}-{self.ways}way_{self.shots}shot"


def _plan(
    systems: Sequence[System], task: Task
) -> tuple[list[_Cell], list[dict[str, Any]]]:
    """Cells to measure, those of one preset together, and what has none."""
    cells: list[_Cell] = []
    gaps: list[dict[str, Any]] = []
    for system in systems:
        own = []
        for ways, shots in task.settings:
            chosen = system.choose(ways, shots)
            if chosen is not None:
                own.append(_Cell(system, chosen, ways, shots))
                continue
            most = max(one.most_ways or 0 for one in system.contenders)
            setting = {"system": system.name, "ways": ways, "shots": shots}
            reason = f"tells at most {most} classes apart"
            gaps.append({**setting, "reason": reason})
        cells += sorted(own, key=lambda cell: cell.contender.preset)
    return cells, gaps


class _Measured:
    """Reads cells that were stored, and measures the others."""

    def __init__(
        self,
        data: ClassDataset,
        task: Task,
        output: str | Path | None,
        episode_progress: EpisodeProgress | None,
    ) -> None:
        self._data = data
        self._task = task
        self._folder = None if output is None else Path(output) / CELLS_NAME
        self._progress = episode_progress
        self._loaded: tuple[str, Any] = ("", None)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)

    def record(self, cell: _Cell) -> dict[str, Any]:
        """The record of a cell, under the name of its system."""
        if self._folder is None:
            found = self._measure(cell)
        else:
            path = self._folder / f"{cell.key}.json"
            found = stored_cell(
                path, self._identity(cell), lambda: self._measure(cell)
            )
            found.pop("identity")
        return {
            "system": cell.system.name,
            "method": cell.contender.method,
            **found,
            "trained_on": cell.contender.metadata.dataset,
        }

    def _identity(self, cell: _Cell) -> dict[str, Any]:
        return {
            "preset": cell.contender.identity,
            "data": self._data.fingerprint,
            "queries": self._task.queries,
            "episodes": self._task.episodes,
            "seeds": list(self._task.seeds),
        }

    def _measure(self, cell: _Cell) -> dict[str, Any]:
        from metazoo.checks.examples import check_at_most
        from metazoo.evaluation import evaluate

        learner = self._learner(cell.contender.handle)
        check_at_most("support_x", cell.ways * cell.shots, learner.max_support)
        result = evaluate(
            learner,
            self._data,
            num_ways=cell.ways,
            num_shots=cell.shots,
            num_queries=self._task.queries,
            episodes=self._task.episodes,
            seeds=self._task.seeds,
            progress=self._progress,
        )
        return {
            **result.to_dict(),
            "accuracies": result.records.accuracy.tolist(),
        }

    def _learner(self, handle: str) -> Any:
        from metazoo.presets import from_preset

        if self._loaded[0] != handle:
            self._loaded = (handle, from_preset(handle))
        return self._loaded[1]
