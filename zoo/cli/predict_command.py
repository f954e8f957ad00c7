"""`metazoo predict`: labels images with a served model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.cli.adapt_command import report
from metazoo.cli.images import predictions, read_queries, read_support
from metazoo.cli.options import add_json
from metazoo.cli.quiet import load_tensorflow
from metazoo.cli.remote import add_server, connect, example_shape
from metazoo.cli.states import read_state

if TYPE_CHECKING:
    from metazoo.cli.images import Queries
    from metazoo.serving import Client

HELP = "label images with a model on a server"
EXAMPLE = (
    "metazoo predict --server 127.0.0.1:8500 --model pn "
    "--support characters/ --queries unknown/"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_server(parser, required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--support",
        metavar="FOLDER",
        help="folder with one folder of images for each class",
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
        help="folder of images to label, or one image",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Asks the server: one call with a support set, one with a state."""
    load_tensorflow(args.debug)
    with connect(args) as client:
        shape = example_shape(client)
        queries = read_queries(args.queries, shape)
        if args.state:
            names, rows = _from_state(args, client, queries)
        else:
            support = read_support(args.support, shape)
            names = support.class_names
            rows = client.adapt_predict(support.x, support.y, queries.x)[
                "probabilities"
            ]
    return report(
        args,
        names,
        predictions(queries, rows, names),
        {"server": args.server, "model": args.model},
    )


def _from_state(
    args: argparse.Namespace, client: Client, queries: Queries
) -> tuple[tuple[str, ...], Any]:
    state, _, names = read_state(args.state)
    return names, client.adapted(state).predict(queries.x)
