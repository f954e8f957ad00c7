"""`metazoo info`: all that is known of a preset or a method."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from metazoo.cli.options import add_json, download_progress
from metazoo.cli.output import table

HELP = "show a preset's card or describe a method"
EXAMPLE = "metazoo info protonet_conv4_omniglot"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "name", help="name of a method, or name, folder or address of a preset"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Tells methods and presets apart by name."""
    from metazoo.registry import list_methods

    if args.name in list_methods():
        return _method(args)
    return _preset(args)


def _preset(args: argparse.Namespace) -> Any:
    from metazoo.presets import fetch
    from metazoo.presets.format import CARD_NAME
    from metazoo.presets.verify import verify_directory

    directory = fetch(args.name, progress=download_progress())
    metadata = verify_directory(directory)
    if args.json:
        return {**metadata.to_dict(), "directory": str(directory)}
    print((directory / CARD_NAME).read_text(encoding="utf-8").rstrip())
    print(f"\nFolder: {directory}")
    return 0


def _method(args: argparse.Namespace) -> Any:
    from metazoo.presets.listing import list_presets
    from metazoo.registry import get_method

    spec = get_method(args.name)
    presets = [info.to_dict() for info in list_presets(spec.name)]
    recipes = sorted(spec.load_recipes())
    paper = spec.paper
    if args.json:
        return {
            "method": spec.name,
            "title": spec.title,
            "contract": spec.contract,
            "class_name": spec.class_name,
            "doc": spec.doc,
            "paper": dataclasses.asdict(paper),
            "recipes": recipes,
            "presets": presets,
        }
    print(f"{spec.title} (metazoo.{spec.class_name}): {spec.doc}")
    print(f"{paper.authors}: {paper.title}, {paper.venue} {paper.year}")
    print(f"{paper.url}\n\nrecipes: {', '.join(recipes)}\n")
    rows = [(row["preset"], row["dataset"], row["accuracy"]) for row in presets]
    print(table(rows, ("PRESET", "DATASET", "ACCURACY %")))
    return 0
