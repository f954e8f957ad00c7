"""`metazoo demo`: the whole way in under two minutes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from metazoo.cli.options import add_json, add_preset, positive
from metazoo.cli.quiet import load_tensorflow

HELP = "load, adapt, export, serve, predict and draw one episode"
EXAMPLE = "metazoo demo --picture episode.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_preset(parser, required=False)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="keep the exported model in this folder",
    )
    parser.add_argument(
        "--picture",
        type=Path,
        default=Path("metazoo_demo.png"),
        metavar="FILE",
        help="where to draw one episode (metazoo_demo.png)",
    )
    parser.add_argument(
        "--episodes",
        type=positive,
        default=300,
        help="episodes for the accuracy (300)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the episodes (0)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Runs the demo; with `--json` its lines go to stderr."""
    load_tensorflow(args.debug)
    from metazoo.demo import run_demo

    report = run_demo(
        preset=args.preset,
        output=args.output,
        picture=args.picture,
        episodes=args.episodes,
        seed=args.seed,
    )
    return report.to_dict() if args.json else 0
