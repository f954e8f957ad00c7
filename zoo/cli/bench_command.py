"""`metazoo bench`: how long a preset takes, and a method's experiments."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

from metazoo.cli.experiments import (
    add_experiment_arguments,
    list_experiments,
    run_experiments,
)
from metazoo.cli.options import add_json, add_preset, load_learner, positive
from metazoo.cli.output import table
from metazoo.errors import MetazooError

HELP = "time the verbs of a preset, or run an experiment of a method"
EXAMPLE = "metazoo bench --preset protonet_conv4_omniglot --ways 5 --shots 5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "method", nargs="?", help="name of the method, for an experiment"
    )
    add_preset(parser, required=False)
    for name, default, text in (
        ("ways", 5, "classes a task"),
        ("shots", 1, "support examples a class"),
        ("queries", 15, "query examples a class"),
        ("tasks", 1, "tasks a call"),
        ("runs", 50, "calls timed"),
    ):
        parser.add_argument(
            f"--{name}",
            type=positive,
            default=default,
            help=f"{text} ({default})",
        )
    parser.add_argument(
        "--threads", type=positive, help="threads inside one operation"
    )
    add_experiment_arguments(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Times a preset, lists experiments, or runs one."""
    if args.list:
        return list_experiments(args)
    if args.preset is None:
        return run_experiments(args)
    if args.method or args.experiment:
        raise MetazooError(
            "--preset times a preset; a method and --experiment run an "
            "experiment. Give one of the two."
        )
    return _time(args)


def _time(args: argparse.Namespace) -> Any:
    """Times the three verbs as a Python caller meets them."""
    if args.threads:
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(args.threads)
    learner = load_learner(args)
    from metazoo.environment import hardware, hardware_text, library_versions
    from metazoo.timing import time_calls

    timings = {
        name: time_calls(call, args.runs)
        for name, call in _calls(args, learner).items()
    }
    setting = {
        name: getattr(args, name)
        for name in ("ways", "shots", "queries", "tasks", "threads")
    }
    if args.json:
        return {
            "preset": learner.preset_metadata.preset,
            **setting,
            "timings": {name: vars(t) for name, t in timings.items()},
            "hardware": hardware(),
            "versions": library_versions(),
        }
    rows = [
        (name, f"{t.median_ms:.2f}", f"{t.p95_ms:.2f}", str(t.runs))
        for name, t in timings.items()
    ]
    print(table(rows, ("VERB", "MEDIAN MS", "P95 MS", "CALLS")))
    print(
        f"{args.tasks} task(s) a call, {args.ways}-way {args.shots}-shot, "
        f"{args.queries} queries a class, on {hardware_text()}"
    )
    return 0


def _calls(
    args: argparse.Namespace, learner: Any
) -> dict[str, Callable[[], Any]]:
    import tensorflow as tf

    x, y, query_x = _task(args, learner)
    adapted = learner.adapt(x, y)
    signature = learner.signatures()[0]
    both = tf.function(signature.fn)
    inputs = {
        name: tf.constant(value, signature.inputs[name].dtype)
        for name, value in (
            ("support_x", x),
            ("support_y", y),
            ("query_x", query_x),
        )
    }
    return {
        "adapt": lambda: learner.adapt(x, y),
        "predict": lambda: adapted.predict(query_x),
        "adapt_predict": lambda: both(**inputs)["probabilities"].numpy(),
    }


def _task(args: argparse.Namespace, learner: Any) -> tuple[Any, Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    low, high = learner.value_range or (0.0, 1.0)
    shape = [size or 8 for size in learner.example_shape]

    def draw(each: int) -> Any:
        size = (args.tasks, args.ways * each, *shape)
        return rng.uniform(low, high, size).astype(np.float32)

    labels = np.repeat(np.arange(args.ways), args.shots)
    y = np.tile(labels, (args.tasks, 1))
    return draw(args.shots), y, draw(args.queries)
