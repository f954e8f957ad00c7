"""`metazoo adapt`: folders of images or texts in, predictions out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from metazoo.cli.asking import add_chunk, chunks_of, predict_parts
from metazoo.cli.examples import noun_of, query_places, read_support
from metazoo.cli.options import add_preset, load_learner
from metazoo.cli.output import say
from metazoo.cli.remote import add_server, connect, example_shape
from metazoo.cli.reporting import add_report, report
from metazoo.cli.states import save_state
from metazoo.errors import MetazooError

HELP = "learn classes from a folder of images or texts and label others"
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
        help="folder with one folder of images for each class; for texts, "
        "with a file CLASS.txt of one text a line",
    )
    parser.add_argument(
        "--queries",
        metavar="FOLDER",
        help="folder of images to label, or one image; for texts, a file "
        "of one text a line, or a folder of such files",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="store the state as .npz"
    )
    add_chunk(parser)
    add_report(parser)
    add_server(parser, required=False)


def run(args: argparse.Namespace) -> Any:
    """Adapts here, or on a server."""
    if bool(args.preset) == bool(args.server):
        raise MetazooError("give either --preset or --server (with --model)")
    if not (args.queries or args.output):
        raise MetazooError("give --queries, --output or both")
    if args.preset:
        learner = load_learner(args)
        return _adapt(args, learner, learner.example_shape)
    with connect(args) as client:
        return _adapt(args, client, example_shape(client))


def _adapt(args: argparse.Namespace, learner: Any, shape: Any) -> Any:
    support = read_support(args.support, shape)
    parts = _parts(args, shape)
    adapted = learner.adapt(support.x, support.y)
    names = support.class_names
    say(f"learned {len(names)} classes from {len(support.y)} {noun_of(shape)}")
    if args.output:
        save_state(adapted, names, args.output, args.preset)
        say(f"state stored in {args.output}")
    rows = predict_parts(parts, shape, adapted.predict, names, args.top)
    more = {"support_examples": len(support.y), **_where(args)}
    return report(args, names, rows, more)


def _parts(args: argparse.Namespace, shape: Any) -> list[Any]:
    if not args.queries:
        return []
    places = query_places(args.queries, shape)
    # Here nothing bounds a request, and a transductive learner sees all.
    chunk = args.chunk if args.server else len(places)
    return chunks_of(places, chunk, noun_of(shape))


def _where(args: argparse.Namespace) -> dict[str, Any]:
    output = None if args.output is None else str(args.output)
    return {"preset": args.preset, "server": args.server, "state": output}
