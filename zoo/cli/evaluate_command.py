"""`metazoo evaluate`: accuracy with its interval on unseen classes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.cli.options import (
    add_data,
    add_json,
    add_preset,
    load_data,
    load_learner,
    positive,
)
from metazoo.cli.output import ProgressBar, say
from metazoo.errors import PresetError

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.evaluation import CurvePoint, EvaluationResult

HELP = "measure accuracy and its 95 % interval over episodes"
EXAMPLE = (
    "metazoo evaluate --preset protonet_conv4_omniglot --dataset omniglot "
    "--data-dir data --ways 5 --shots 1 --episodes 600 --json"
)
MOST_QUERIES = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_preset(parser)
    add_data(parser)
    parser.add_argument(
        "--ways", type=positive, default=5, help="classes an episode (5)"
    )
    parser.add_argument(
        "--shots",
        type=positive,
        default=1,
        help="support examples a class (1)",
    )
    parser.add_argument(
        "--queries",
        type=positive,
        help="query examples a class (15, or what a class has left)",
    )
    parser.add_argument(
        "--episodes", type=positive, default=600, help="per seed (600)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the episodes (0)"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="several seeds instead of --seed"
    )
    parser.add_argument(
        "--tasks-per-batch", type=positive, help="episodes computed together"
    )
    _add_outputs(parser)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--csv", type=Path, help="add the result as a row")
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the result into the preset folder's metadata and card",
    )
    parser.add_argument(
        "--plots", type=Path, metavar="DIR", help="write plots to this folder"
    )
    parser.add_argument(
        "--curve", action="store_true", help="also accuracy by ways and shots"
    )
    parser.add_argument(
        "--curve-ways", type=positive, nargs="+", help="ways of the curve"
    )
    parser.add_argument(
        "--curve-shots", type=positive, nargs="+", help="shots of the curve"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Evaluates, and writes the table and plots that were asked for."""
    if args.record and not Path(args.preset).is_dir():
        raise PresetError(
            f"--record writes into a preset folder; {args.preset!r} is none. "
            "Give the folder of a training run, such as runs/NAME/preset."
        )
    learner = load_learner(args)
    dataset = load_data(args, learner)
    from metazoo.evaluation import append_csv, evaluate

    queries = args.queries or default_queries(dataset, args.shots)
    if not args.queries and queries < MOST_QUERIES:
        say(f"{queries} queries a class: no class has more examples left")
    result = evaluate(
        learner,
        dataset,
        num_ways=args.ways,
        num_shots=args.shots,
        num_queries=queries,
        episodes=args.episodes,
        seed=args.seed,
        seeds=args.seeds,
        tasks_per_batch=args.tasks_per_batch,
        progress=ProgressBar("episodes"),
    )
    curve = _curve(args, learner, dataset) if args.curve else []
    if args.record:
        _record(args.preset, result)
    if args.csv:
        append_csv(args.csv, result.to_row())
    plots = _plots(args, result, dataset, curve) if args.plots else []
    return _report(args, result, curve, plots)


def _record(directory: str, result: EvaluationResult) -> None:
    from metazoo.presets.record import record_metrics

    cpu, cores = result.hardware["cpu"], result.hardware["cores"]
    record_metrics(
        directory,
        result.to_metrics(),
        hardware=f"{cpu}, {cores} cores",
        adaptation_ms=result.adaptation_ms,
    )


def default_queries(dataset: ClassDataset, shots: int) -> int:
    """Query examples a class: 15, or as many as every class has left.

    Args:
        dataset: the data set.
        shots: support examples a class.
    """
    return max(1, min(MOST_QUERIES, dataset.min_examples - shots))


def _curve(
    args: argparse.Namespace, learner: Any, dataset: ClassDataset
) -> list[CurvePoint]:
    from metazoo.evaluation import accuracy_curve

    most_ways = min(learner.num_ways or 20, dataset.num_classes)
    ways = args.curve_ways or [n for n in (2, 5, 10, 20) if n <= most_ways]
    most_shots = dataset.min_examples // 2
    shots = args.curve_shots or [n for n in (1, 2, 3, 5, 10) if n <= most_shots]
    return accuracy_curve(
        learner,
        dataset,
        ways=ways,
        shots=shots,
        num_queries=default_queries(dataset, max(shots)),
        episodes=max(2, args.episodes // 4),
        seed=args.seed,
        progress=ProgressBar("settings"),
    )


def _plots(
    args: argparse.Namespace,
    result: EvaluationResult,
    dataset: ClassDataset,
    curve: list[CurvePoint],
) -> list[Path]:
    from metazoo.plots import save_evaluation_plots

    return save_evaluation_plots(args.plots, result, dataset, curve)


def _report(
    args: argparse.Namespace,
    result: EvaluationResult,
    curve: list[CurvePoint],
    plots: list[Path],
) -> Any:
    if args.json:
        found = result.to_dict()
        if curve:
            found["curve"] = [point.to_dict() for point in curve]
        if plots:
            found["plots"] = [str(path) for path in plots]
        return found
    print(result)
    for row in result.per_seed if len(result.seeds) > 1 else ():
        print(f"  seed {row['seed']}: {100 * row['accuracy']:.2f} %")
    print(
        f"  loss {result.loss:.4f}, calibration error {result.ece:.4f}, "
        f"{result.adaptation_ms:.2g} ms per adaptation"
    )
    for point in curve:
        print(
            f"  {point.ways:>3}-way {point.shots:>2}-shot "
            f"{100 * point.accuracy:6.2f} ± {100 * point.ci95:.2f} %"
        )
    for path in plots:
        print(path)
    return 0
