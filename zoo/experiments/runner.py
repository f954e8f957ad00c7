"""Runs an experiment cell by cell; a killed run goes on where it stopped."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from metazoo.errors import MetazooError
from metazoo.experiments.bench import Bench
from metazoo.experiments.claims import judge
from metazoo.experiments.experiment import Cell, Experiment, Picture, Scale
from metazoo.experiments.summary import as_csv, flat_rows, summarise
from metazoo.plots.style import check_matplotlib, save_figure
from metazoo.stored_cells import json_text, stored_cell
from metazoo.whole_files import write_text

CELLS_NAME = "cells"
CSV_NAME = "results.csv"
JSON_NAME = "results.json"

Progress = Callable[[int, int, str], None]


def run_experiment(
    experiment: Experiment,
    output_dir: str | Path,
    *,
    scale: Scale | None = None,
    data_dir: str | None = None,
    names: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Trains what is missing, measures what is missing, writes the table.

    Written to `output_dir`: `models/` (a run of `train_recipe` for each
    training), `cells/` (a JSON file for each cell that is done), and after
    every cell `results.csv` and `results.json`, each whole or not at all; at
    the end a `.png` for each picture.
    Called again after it was killed, it repeats no cell that was done.

    Args:
        experiment: what to run.
        output_dir: folder of the experiment.
        scale: how much to do; by default the first of the experiment.
        data_dir: folder of the data sets.
        names: more columns for every row, such as `method`.
        progress: called with the cells done, their number, and the next
            one's key.

    Returns:
        What `results.json` holds: `changes` (recipe fields that the scale
        changes), `rows` (a measurement each), `summary`
        (over seeds), `claims` (see `judge`) and `pictures` (name to what it
        shows).

    Raises:
        MetazooError: the folder holds results of another setting.
        ImportError: there is a picture to draw, and no matplotlib.
    """
    scale = scale or experiment.scale()
    output = Path(output_dir)
    (output / CELLS_NAME).mkdir(parents=True, exist_ok=True)
    bench = Bench(output, data_dir, scale)
    cells = list(experiment.cells(scale))
    _check_keys(cells)
    pictures = list(experiment.pictures(scale) if experiment.pictures else ())
    if pictures:
        check_matplotlib()
    done: list[dict[str, Any]] = []
    found: dict[str, Any] = {}
    for number, cell in enumerate(cells):
        if progress is not None:
            progress(number, len(cells), cell.key)
        done.append(_measured(cell, bench))
        found = _write(
            experiment, scale, output, done, dict(names or {}), pictures
        )
    _draw(pictures, bench)
    if progress is not None:
        progress(len(cells), len(cells), "")
    return found


def _draw(pictures: Sequence[Picture], bench: Bench) -> None:
    """Draws the pictures that are not there yet."""
    for picture in pictures:
        path = bench.output / f"{picture.name}.png"
        if path.exists():
            continue
        learner = None
        if picture.training is not None:
            learner = bench.learner(picture.training)
        save_figure(picture.draw(bench, learner), path)


def _check_keys(cells: Sequence[Cell]) -> None:
    keys = [cell.key for cell in cells]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice or not keys:
        raise MetazooError(f"an experiment has no cell, or one twice: {twice}.")


def _measured(cell: Cell, bench: Bench) -> dict[str, Any]:
    """The record of a cell: read, or measured and stored."""
    return stored_cell(
        bench.output / CELLS_NAME / f"{cell.key}.json",
        _identity(cell, bench.scale),
        lambda: _measure(cell, bench),
    )


def _measure(cell: Cell, bench: Bench) -> dict[str, Any]:
    from metazoo.environment import hardware, library_versions

    learner = None
    if cell.training is not None:
        learner = bench.learner(cell.training)
    start = time.perf_counter()
    measurements = [
        dataclasses.asdict(one) for one in cell.measure(bench, learner)
    ]
    if not measurements:
        raise MetazooError(f"the cell {cell.key} measured nothing.")
    return {
        "labels": dict(cell.labels),
        "seed": cell.seed,
        "training": cell.training.name if cell.training else None,
        "measurements": measurements,
        "seconds": time.perf_counter() - start,
        "hardware": hardware(),
        "versions": library_versions(),
    }


def _identity(cell: Cell, scale: Scale) -> dict[str, Any]:
    from metazoo.trainers.checkpoint import as_json

    recipe = cell.training.recipe if cell.training else cell.setting
    fields = None if recipe is None else as_json(dataclasses.asdict(recipe))
    return {"episodes": scale.episodes, "recipe": fields}


def _write(
    experiment: Experiment,
    scale: Scale,
    output: Path,
    done: Sequence[Mapping[str, Any]],
    names: dict[str, Any],
    pictures: Sequence[Picture],
) -> dict[str, Any]:
    from metazoo.trainers.checkpoint import as_json

    rows = flat_rows(done, names)
    found = {
        **names,
        "doc": experiment.doc,
        "changes": as_json(dict(scale.changes)),
        "rows": rows,
        "summary": summarise(done),
        "claims": judge(experiment.claims, done),
        "pictures": {one.name: one.doc for one in pictures},
    }
    write_text(output / CSV_NAME, as_csv(rows))
    write_text(output / JSON_NAME, json_text(found))
    return found
