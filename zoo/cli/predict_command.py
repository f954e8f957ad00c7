"""`metazoo predict`: labels images or texts with a served model."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.cli.asking import add_chunk, chunks_of, predict_parts
from metazoo.cli.examples import noun_of, query_places, read_support
from metazoo.cli.remote import add_server, connect, example_shape
from metazoo.cli.reporting import add_report, report
from metazoo.cli.states import load_served

if TYPE_CHECKING:
    from metazoo.serving import Client

HELP = "label images or texts with a model on a server"
EXAMPLE = (
    "metazoo predict --server 127.0.0.1:8500 --model pn "
    "--support characters/ --queries unknown/"
)

Names = tuple[str, ...]
Predict = Callable[[Any], Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--support",
        metavar="FOLDER",
        help="folder with one folder of images for each class; for texts, "
        "with a file CLASS.txt of one text a line",
    )
    source.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="what `metazoo adapt --output` stored",
    )
    parser.add_argument(
        "--queries",
        required=True,
        metavar="FOLDER",
        help="folder of images to label, or one image; for texts, a file "
        "of one text a line, or a folder of such files",
    )
    add_chunk(parser)
    add_report(parser)
    add_server(parser, required=True)


def run(args: argparse.Namespace) -> Any:
    """Asks the server: with a support set, or with a state."""
    with connect(args) as client:
        shape = example_shape(client)
        places = query_places(args.queries, shape)
        parts = chunks_of(places, args.chunk, noun_of(shape))
        if args.state:
            adapted, names = load_served(client, args.state)
            predict: Predict = adapted.predict
        else:
            names, predict = _from_support(args, client, shape, len(parts))
        rows = predict_parts(parts, shape, predict, names, args.top)
    where = {"server": args.server, "model": args.model}
    return report(args, names, rows, where)


def _from_support(
    args: argparse.Namespace, client: Client, shape: Any, num_parts: int
) -> tuple[Names, Predict]:
    support = read_support(args.support, shape)

    def at_once(examples: Any) -> Any:
        answer = client.adapt_predict(support.x, support.y, examples)
        return answer["probabilities"]

    two_steps = {"adapt", "predict"} <= set(client.signatures())
    if num_parts > 1 and two_steps:
        adapted = client.adapt(support.x, support.y)
        return support.class_names, adapted.predict
    return support.class_names, at_once
