"""Predictions as a table, CSV or JSON."""

from __future__ import annotations

import argparse
import csv
import sys
from typing import Any

from metazoo.cli.options import add_json, positive
from metazoo.cli.output import table

COLUMNS = ("file", "rank", "class", "label", "probability")


def add_report(parser: argparse.ArgumentParser) -> None:
    """Adds `--top`, `--json` and `--csv`."""
    parser.add_argument(
        "--top",
        type=positive,
        default=1,
        metavar="N",
        help="name the N likeliest classes of each image (1)",
    )
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    form.add_argument(
        "--csv",
        action="store_true",
        help=f"print CSV with the columns {','.join(COLUMNS)}",
    )


def report(
    args: argparse.Namespace,
    class_names: tuple[str, ...],
    rows: list[dict[str, Any]],
    more: dict[str, Any],
) -> Any:
    """Prints predictions as a table or CSV, or returns them for JSON.

    Args:
        args: with `json`, `csv` and `top`.
        class_names: a name for each label.
        rows: what `predictions` gave.
        more: further fields of the JSON object.

    Returns:
        The JSON object, or the exit code.
    """
    if args.json:
        return {"classes": list(class_names), "predictions": rows, **more}
    if args.csv:
        _print_csv(rows)
    elif rows:
        _print_table(rows, args.top)
    return 0


def _print_csv(rows: list[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        for rank, best in enumerate(row["top"], 1):
            cells = (best["class"], best["label"], best["probability"])
            writer.writerow((row["file"], rank, *cells))


def _print_table(rows: list[dict[str, Any]], top: int) -> None:
    ranks = ("RANK",) if top > 1 else ()
    cells = [
        (
            row["file"],
            *((str(rank),) if ranks else ()),
            best["class"],
            f"{best['probability']:.3f}",
        )
        for row in rows
        for rank, best in enumerate(row["top"], 1)
    ]
    print(table(cells, ("FILE", *ranks, "CLASS", "PROBABILITY")))
