"""The part of `metazoo bench` that runs a method's experiments."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.cli.output import say, table
from metazoo.cli.quiet import load_tensorflow
from metazoo.cli.train_command import change
from metazoo.errors import MetazooError

if TYPE_CHECKING:
    from metazoo.experiments import Experiment


def add_experiment_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of experiments."""
    group = parser.add_argument_group("experiments of a method")
    group.add_argument(
        "--experiment", metavar="NAME", help="claim of the paper to measure"
    )
    group.add_argument(
        "--list", action="store_true", help="list methods' experiments"
    )
    group.add_argument(
        "--scale", metavar="NAME", help="how much to do, as --list names it"
    )
    group.add_argument(
        "--seeds", nargs="+", type=int, help="seeds instead of the scale's"
    )
    group.add_argument(
        "--episodes", type=int, help="test episodes instead of the scale's"
    )
    group.add_argument(
        "--set",
        dest="changes",
        nargs="+",
        action="extend",
        default=[],
        type=change,
        metavar="KEY=VALUE",
        help="recipe fields to change in every training, such as steps=500",
    )
    group.add_argument(
        "--data-dir", metavar="DIR", help="folder with the data sets' files"
    )
    group.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the experiment"
    )


def find_experiment(method: str, name: str) -> Experiment:
    """Looks an experiment up.

    Args:
        method: name of the method.
        name: name of the experiment.

    Returns:
        The experiment.

    Raises:
        MetazooError: there is no such method or experiment.
    """
    from metazoo.nearest import find_named
    from metazoo.registry import get_method

    found = get_method(method).load_experiments()
    return find_named("experiment", method, found, name)


def run_experiments(args: argparse.Namespace) -> Any:
    """Runs the experiment that the options name.

    Args:
        args: of the command line.

    Returns:
        The results for `--json`, or the exit code.

    Raises:
        MetazooError: an option is missing or can't be used.
    """
    missing = [
        option
        for option, value in (
            ("METHOD", args.method),
            ("--experiment", args.experiment),
            ("--output", args.output),
        )
        if value is None
    ]
    if missing:
        raise MetazooError(
            f"an experiment needs {', '.join(missing)}; `metazoo bench "
            "--list` shows the methods and their experiments"
        )
    experiment = find_experiment(args.method, args.experiment)
    scale = experiment.scale(
        args.scale,
        seeds=tuple(args.seeds) if args.seeds else None,
        episodes=args.episodes,
    )
    scale = scale.with_changes(**dict(args.changes))
    load_tensorflow(args.debug)
    from metazoo.experiments import run_experiment

    with contextlib.redirect_stdout(sys.stderr):
        found = run_experiment(
            experiment,
            args.output,
            scale=scale,
            data_dir=args.data_dir,
            names={
                "method": args.method,
                "experiment": args.experiment,
                "scale": args.scale or next(iter(experiment.scales)),
            },
            progress=_report,
        )
    if args.json:
        return found
    print(summary_table(found["summary"]))
    if found["claims"]:
        print(claims_table(found["claims"]))
    return 0


def list_experiments(args: argparse.Namespace) -> Any:
    """Lists the experiments of one or all methods."""
    from metazoo.registry import methods

    found = [
        {
            "method": spec.name,
            "experiment": name,
            "scales": list(one.scales),
            "doc": one.doc,
        }
        for spec in methods().values()
        if args.method in (None, spec.name)
        for name, one in spec.load_experiments().items()
    ]
    if args.json:
        return found
    rows = [
        (r["method"], r["experiment"], ", ".join(r["scales"]), r["doc"])
        for r in found
    ]
    print(table(rows, ("METHOD", "EXPERIMENT", "SCALES", "CLAIM")))
    return 0


def summary_table(summary: list[dict[str, Any]]) -> str:
    """Lays the means over seeds out for a terminal.

    Args:
        summary: of `run_experiment`.

    Returns:
        The lines, joined.
    """
    numbers = ("mean", "ci95", "seeds_ci95")
    columns = list(dict.fromkeys(name for row in summary for name in row))
    rows = [
        [_cell(row.get(name), name in numbers) for name in columns]
        for row in summary
    ]
    return table(rows, [name.upper() for name in columns])


def claims_table(claims: list[dict[str, Any]]) -> str:
    """Lays claims and what was found of them out for a terminal.

    Args:
        claims: of `run_experiment`.

    Returns:
        The lines, joined.
    """
    numbers = ("difference", "ci95", "seeds_ci95", "least", "most")
    rows = [
        [_cell(row[name], name in numbers) for name in row] for row in claims
    ]
    return table(rows, [name.upper() for name in claims[0]])


def _cell(value: Any, number: bool) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if number else str(value)


def _report(done: int, total: int, key: str) -> None:
    say(f"{done}/{total} {key}" if key else f"{done}/{total} done")
