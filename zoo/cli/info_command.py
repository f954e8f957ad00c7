"""`metazoo info`: all that is known of a preset or a method."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from metazoo.cli.options import add_json, download_progress
from metazoo.cli.output import table

HELP = "show a preset's card, a method, or an exported model's signatures"
EXAMPLE = "metazoo info protonet_conv4_omniglot"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "name",
        help="name of a method; name, folder or address of a preset; or "
        "folder of an exported model",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Tells methods, exported models and presets apart."""
    from metazoo.registry import list_methods
    from metazoo.serving.info import exported_version

    if args.name in list_methods():
        return _method(args)
    version = exported_version(Path(args.name))
    if version is not None:
        return _exported(args, version)
    return _preset(args)


def _exported(args: argparse.Namespace, version: Path) -> Any:
    from metazoo.serving.info import read_info, signatures_text

    info = read_info(version)
    if args.json:
        return {**info, "directory": str(version)}
    print(f"{info['learner']}, exported to {version}\n")
    print(signatures_text(info["signatures"]))
    return 0


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
