"""`metazoo list`: the presets there are."""

from __future__ import annotations

import argparse
from typing import Any

from metazoo.cli.options import add_json
from metazoo.cli.output import size_text, table

HELP = "list presets by method and name"
EXAMPLE = 'metazoo list --method protonet --pattern "*omniglot*"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("--method", help="only presets of this method")
    parser.add_argument(
        "--pattern", help="only presets whose name matches, with * and ?"
    )
    parser.add_argument(
        "--methods", action="store_true", help="list the methods instead"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Lists from JSON files alone; TensorFlow is not imported."""
    if args.methods:
        return _methods(args)
    from metazoo.presets.listing import list_presets

    found = [info.to_dict() for info in list_presets(args.method, args.pattern)]
    if args.json:
        return found
    rows = [
        (
            row["preset"],
            row["method"],
            row["dataset"],
            size_text(row["size_bytes"]),
            row["source"],
            row["accuracy"] or "not evaluated",
        )
        for row in found
    ]
    header = ("PRESET", "METHOD", "DATASET", "SIZE", "SOURCE", "ACCURACY %")
    print(table(rows, header) if rows else "no preset matches")
    return 0


def _methods(args: argparse.Namespace) -> Any:
    from metazoo.registry import methods

    specs = methods().values()
    if args.json:
        return [
            {
                "method": spec.name,
                "title": spec.title,
                "contract": spec.contract,
                "doc": spec.doc,
            }
            for spec in specs
        ]
    rows = [(spec.name, spec.contract, spec.doc) for spec in specs]
    print(table(rows, ("METHOD", "CONTRACT", "WHAT IT DOES")))
    return 0
