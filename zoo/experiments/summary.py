"""Rows of an experiment's table, and their means over seeds."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from metazoo.metrics.episodes import mean_over_seeds


def flat_rows(
    records: Sequence[Mapping[str, Any]], names: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One flat row for each measurement of each cell.

    Args:
        records: of the cells, as the runner stores them.
        names: columns that all rows share.

    Returns:
        Column name to value; numbers are not rounded.
    """
    return [
        {
            **names,
            **record["labels"],
            "seed": record["seed"],
            **measurement,
            "training": record["training"],
            "steps": _steps(record),
            "seconds": record["seconds"],
            "cpu": record["hardware"]["cpu"],
            "cores": record["hardware"]["cores"],
            "gpus": " ".join(record["hardware"]["gpus"]),
            **record["versions"],
        }
        for record in records
        for measurement in record["measurements"]
    ]


def summarise(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Means over seeds of every label and metric.

    Args:
        records: of the cells, as the runner stores them.

    Returns:
        One dict for each: the labels, `metric`, `mean` (over the seeds'
        means), `ci95` (over all episodes), `seeds_ci95` (over the seeds'
        means, by Student's t; None with one seed), `seeds` and `episodes`
        (of all seeds).
    """
    groups: dict[Any, list[Mapping[str, Any]]] = {}
    for record in records:
        for measurement in record["measurements"]:
            key = (*record["labels"].items(), ("metric", measurement["metric"]))
            groups.setdefault(key, []).append(measurement)
    return [
        {**dict(key), **_over_seeds(found)} for key, found in groups.items()
    ]


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Writes rows as CSV; a column that a row lacks stays empty.

    Args:
        rows: column name to value.

    Returns:
        The text, with a header.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _over_seeds(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    means = mean_over_seeds([one["mean"] for one in found])
    widths = [one["ci95"] for one in found]
    ci95 = None
    if None not in widths:
        # Independent episodes of each seed: half widths add as squares.
        ci95 = math.sqrt(sum(width**2 for width in widths)) / len(widths)
    return {
        "mean": means.mean,
        "ci95": ci95,
        "seeds_ci95": means.ci95,
        "seeds": len(found),
        "episodes": sum(one["episodes"] for one in found),
    }


def _steps(record: Mapping[str, Any]) -> int | None:
    recipe = record["identity"]["recipe"]
    return None if recipe is None else recipe["steps"]
