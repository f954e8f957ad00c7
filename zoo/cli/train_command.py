"""`metazoo train`: a recipe from data to preset, resumable."""

from __future__ import annotations

import argparse
import ast
import contextlib
import sys
from pathlib import Path
from typing import Any

from metazoo.cli.options import add_json, positive
from metazoo.cli.output import table
from metazoo.cli.quiet import load_tensorflow
from metazoo.errors import MetazooError

HELP = "train a method by a recipe and write a preset"
EXAMPLE = (
    "metazoo train protonet --recipe omniglot --data-dir data "
    "--output runs/protonet --set steps=2000 seed=1"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("method", nargs="?", help="name of the method")
    parser.add_argument("--recipe", metavar="NAME", help="name of the recipe")
    parser.add_argument(
        "--list", action="store_true", help="list methods and their recipes"
    )
    parser.add_argument(
        "--set",
        dest="changes",
        nargs="+",
        action="extend",
        default=[],
        type=change,
        metavar="KEY=VALUE",
        help="recipe fields to change, such as steps=2000",
    )
    parser.add_argument(
        "--tiny", action="store_true", help="a few small steps, to try it out"
    )
    parser.add_argument(
        "--data-dir", metavar="DIR", help="folder with the data set's files"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the run"
    )
    _add_run_options(parser)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--preset-name", metavar="NAME", help="name of the preset (preset)"
    )
    parser.add_argument(
        "--no-resume",
        action="store_true",
        help="refuse a folder that holds checkpoints instead of going on",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=positive,
        default=500,
        metavar="N",
        help="steps between checkpoints (500)",
    )
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="the same bits on every run, also after a kill; slower",
    )
    parser.add_argument(
        "--strategy",
        choices=("default", "mirrored", "multi_worker", "tpu"),
        help="devices to train on (default)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Lists recipes, or trains one."""
    if args.list:
        return _list(args)
    missing = [
        option
        for option, value in (
            ("METHOD", args.method),
            ("--recipe", args.recipe),
            ("--output", args.output),
        )
        if value is None
    ]
    if missing:
        raise MetazooError(
            f"train needs {', '.join(missing)}; `metazoo train --list` shows "
            "the methods and their recipes"
        )
    return _train(args)


def find_recipe(method: str, name: str) -> Any:
    """Looks a recipe up.

    Args:
        method: name of the method.
        name: name of the recipe.

    Returns:
        The recipe.

    Raises:
        MetazooError: there is no such method or recipe.
    """
    from metazoo.nearest import find_named
    from metazoo.registry import get_method

    recipes = get_method(method).load_recipes()
    return find_named("recipe", method, recipes, name)


def _train(args: argparse.Namespace) -> Any:
    recipe = find_recipe(args.method, args.recipe)
    if args.tiny:
        recipe = recipe.tiny()
    recipe = recipe.replace(**dict(args.changes))
    load_tensorflow(args.debug)
    from metazoo.trainers import deterministic, train_recipe

    if args.deterministic:
        deterministic(recipe.seed)
    metadata = {"preset": args.preset_name} if args.preset_name else None
    # Keras draws its progress bar on stdout, which is for the result.
    with contextlib.redirect_stdout(sys.stderr):
        preset = train_recipe(
            recipe,
            args.output,
            args.data_dir,
            resume=not args.no_resume,
            checkpoint_every=args.checkpoint_every,
            strategy=args.strategy,
            metadata=metadata,
        )
    if args.json:
        return {
            "method": args.method,
            "recipe": args.recipe,
            "preset_directory": str(preset),
            "steps": recipe.steps,
            "seed": recipe.seed,
        }
    print(preset)
    return 0


def _list(args: argparse.Namespace) -> Any:
    import dataclasses

    from metazoo.registry import methods

    found = [
        (spec.name, name, recipe)
        for spec in methods().values()
        if args.method in (None, spec.name)
        for name, recipe in spec.load_recipes().items()
    ]
    if args.json:
        return [
            {"method": method, "recipe": name, **dataclasses.asdict(recipe)}
            for method, name, recipe in found
        ]
    rows = [
        (method, name, recipe.dataset, str(recipe.steps))
        for method, name, recipe in found
    ]
    print(table(rows, ("METHOD", "RECIPE", "DATASET", "STEPS")))
    return 0


def change(text: str) -> tuple[str, Any]:
    """Parses KEY=VALUE, for argparse; a value is a literal or a word."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        # What is no Python literal is a word, such as the name of a data set.
        return name, value
