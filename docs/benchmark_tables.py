"""The tables of docs/benchmarks.md, from benchmarks/results."""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markdown_table import markdown

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks" / "results"
sys.path.append(str(ROOT / "benchmarks"))
OURS = "metazoo"
CLOCKS = ("cpu", "wall")


def workload_table() -> str:
    """What is timed, and against what.

    Returns:
        A Markdown table of the rows in benchmarks/methods/*/rows.py.
    """
    from rows import rows

    return markdown(
        ("workload", "a step is", "against"),
        [
            [name, row.doc, ", ".join(side.name for side in row.timed[1:])]
            for name, row in rows().items()
            if row.timed
        ],
    )


def speed_table() -> str:
    """Ratios of time between metazoo and its peers, of each recorded run.

    Returns:
        The machine and a Markdown table for each CSV file of a run.
    """
    files = sorted(BENCHMARKS.glob("cpu*.csv"))
    return "\n\n".join(map(_speed_of, files)) or "Not measured yet."


def _speed_of(path: Path) -> str:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pairs = dict.fromkeys((row["workload"], row["side"]) for row in rows)
    table = markdown(
        ("workload", "against", *(f"{clock} ratio" for clock in CLOCKS)),
        [
            [work, side, *(_ratio(rows, work, side, c) for c in CLOCKS)]
            for work, side in pairs
            if side != OURS
        ],
    )
    return f"{_machine(path.with_suffix('.json'))}\n\n{table}"


def _ratio(rows: list[dict[str, str]], work: str, side: str, clock: str) -> str:
    """Ratio of medians, with the least and largest of a single round."""
    ours, theirs = (
        [
            float(row[f"{clock}_seconds"])
            for row in rows
            if (row["workload"], row["side"]) == (work, name)
        ]
        for name in (OURS, side)
    )
    middle = statistics.median(ours) / statistics.median(theirs)
    paired = [a / b for a, b in zip(ours, theirs, strict=True)]
    return f"{middle:.2f} ({min(paired):.2f} to {max(paired):.2f})"


def _machine(path: Path) -> str:
    found = json.loads(path.read_text(encoding="utf-8"))["machine"]
    threads = f", {found['threads']} threads" if "threads" in found else ""
    versions = ", ".join(f"{k} {v}" for k, v in found["versions"].items())
    return (
        f"`{path.with_suffix('.csv').name}`, {found['date']}: {found['cpu']}, "
        f"{found['cores']} cores{threads}, {versions}; "
        f"load average at the start {found['load_average'][0]:.1f}."
    )


def serving_table() -> str:
    """What the embedded server adds to the graph's own time.

    Returns:
        The machine and a Markdown table of both sides of each comparison.
    """
    path = BENCHMARKS / "serving.json"
    if not path.exists():
        return "Not measured yet."
    found = json.loads(path.read_text(encoding="utf-8"))
    head = ("what", "queries a class", "side", "against", "result", "target")
    rows = [_serving_row(row) for row in found["comparisons"]]
    rows += [_start_row(found["start_up"]), _memory_row(found["memory"])]
    return f"{_machine(path)}\n\n{markdown(head, rows)}"


def _serving_row(row: Mapping[str, Any]) -> list[str]:
    unit = " ms" if row["measure"].endswith("_ms") else " a second"
    sides = (
        f"{row[name]}: {row[f'{median}median']:.2f}{unit}"
        for name, median in (("side", ""), ("against", "against_"))
    )
    added = row["how"] == "difference"
    result = (
        f"{row['value']:.2f}{unit if added else ''} "
        f"({row['least']:.2f} to {row['largest']:.2f})"
    )
    return [row["what"], str(row["queries"]), *sides, result, row["target"]]


def _start_row(found: Mapping[str, Any]) -> list[str]:
    seconds, cpu = found["seconds"], found["cpu_seconds"]
    result = (
        f"{statistics.median(seconds):.1f} s "
        f"({min(seconds):.1f} to {max(seconds):.1f}), "
        f"CPU {statistics.median(cpu):.1f} s"
    )
    return ["start-up with one model", "", "", "", result, found["target"]]


def _memory_row(found: Mapping[str, Any]) -> list[str]:
    first, *_, last = found["resident_mib"]
    return [
        f"resident memory after {found['requests']:,} requests",
        "",
        f"after: {last:.0f} MiB",
        f"before: {first:.0f} MiB",
        f"{found['growth']:.3f}",
        "flat",
    ]


def latency_table() -> str:
    """How long each few-shot method takes, in process and served.

    Returns:
        The machine and a Markdown table, a row for each method and verb.
    """
    path = BENCHMARKS / "latency.json"
    if not path.exists():
        return "Not measured yet."
    found = json.loads(path.read_text(encoding="utf-8"))
    sides = list(dict.fromkeys(row["side"] for row in found["rows"]))
    lines: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for row in found["rows"]:
        origin = f"`{row['model']}`" + ("" if row["trained"] else ", untrained")
        key = (row["method"], origin, row["example"], row["verb"])
        lines.setdefault(key, {})[row["side"]] = row
    table = markdown(
        (
            *("method", "preset or recipe", "example", "verb"),
            *(f"{side}: p50 / p99 ms" for side in sides),
            "requests",
        ),
        [
            [*key, *(_latency(line[side]) for side in sides), _requests(line)]
            for key, line in lines.items()
        ],
    )
    return f"{_machine(path)}\n\n{table}"


def _latency(row: Mapping[str, Any]) -> str:
    return f"{row['p50_ms']:.1f} / {row['p99_ms']:.1f}"


def _requests(line: Mapping[str, Mapping[str, Any]]) -> str:
    """How many requests of each side, or the least and most."""
    counts = sorted({row["requests"] for row in line.values()})
    return " to ".join(
        str(count) for count in dict.fromkeys((counts[0], counts[-1]))
    )
