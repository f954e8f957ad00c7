"""`metazoo adapt`: folders of images in, predictions out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.cli.images import (
    Queries,
    Support,
    predictions,
    read_queries,
    read_support,
)
from metazoo.cli.options import add_json, add_preset, load_learner
from metazoo.cli.output import say, table
from metazoo.cli.quiet import load_tensorflow
from metazoo.cli.remote import add_server, connect, example_shape
from metazoo.cli.states import save_state
from metazoo.errors import MetazooError

if TYPE_CHECKING:
    from metazoo.adapted import AdaptedModel

HELP = "learn classes from a folder of images and label other images"
EXAMPLE = (
    "metazoo adapt --preset protonet_conv4_omniglot --support characters/ "
    "--queries unknown/ --output state.npz"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_preset(parser, required=False)
    parser.add_argument(
        "--support",
        required=True,
        metavar="FOLDER",
        help="folder with one folder of images for each class",
    )
    parser.add_argument(
        "--queries",
        metavar="FOLDER",
        help="folder of images to label, or one image",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="store the state as .npz"
    )
    add_server(parser, required=False)
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Adapts here, or on a server."""
    if bool(args.preset) == bool(args.server):
        raise MetazooError("give either --preset or --server (with --model)")
    if not (args.queries or args.output):
        raise MetazooError("give --queries, --output or both")
    if args.preset:
        return _adapt(args, load_learner(args), None)
    load_tensorflow(args.debug)
    with connect(args) as client:
        return _adapt(args, client, example_shape(client))


def _adapt(args: argparse.Namespace, learner: Any, shape: Any) -> Any:
    shape = shape or learner.example_shape
    support = read_support(args.support, shape)
    queries = read_queries(args.queries, shape) if args.queries else None
    adapted = learner.adapt(support.x, support.y)
    say(
        f"learned {len(support.class_names)} classes from {len(support.y)} "
        "images"
    )
    if args.output:
        save_state(adapted, support.class_names, args.output)
    return report(
        args,
        support.class_names,
        _predicted(adapted, queries, support),
        {"support_examples": len(support.y), **_where(args)},
    )


def _where(args: argparse.Namespace) -> dict[str, Any]:
    output = None if args.output is None else str(args.output)
    return {"preset": args.preset, "server": args.server, "state": output}


def _predicted(
    adapted: AdaptedModel, queries: Queries | None, support: Support
) -> list[dict[str, Any]]:
    if queries is None:
        return []
    probabilities = adapted.predict(queries.x)
    return predictions(queries, probabilities, support.class_names)


def report(
    args: argparse.Namespace,
    class_names: tuple[str, ...],
    rows: list[dict[str, Any]],
    more: dict[str, Any],
) -> Any:
    """Prints predictions as a table, or returns them for JSON.

    Args:
        args: with `json`.
        class_names: a name for each label.
        rows: what `predictions` gave.
        more: further fields of the JSON object.
    """
    if args.json:
        return {"classes": list(class_names), "predictions": rows, **more}
    if rows:
        cells = [
            (row["file"], row["class"], f"{row['probability']:.3f}")
            for row in rows
        ]
        print(table(cells, ("FILE", "CLASS", "PROBABILITY")))
    if more.get("state"):
        say(f"state stored in {more['state']}")
    return 0
