"""`metazoo serve`: answers over gRPC and REST until it is stopped."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metazoo.cli.options import download_progress
from metazoo.cli.quiet import load_tensorflow
from metazoo.errors import ServingError

HELP = "serve exported models over gRPC and REST"
EXAMPLE = "metazoo serve --model pn=models/pn --port 8500 --rest-port 8501"
_PRESET = "preset:"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "--model",
        action="append",
        required=True,
        type=_model,
        metavar="NAME=DIR",
        help="a model and the folder that holds its versions, or "
        "NAME=preset:PRESET to export a preset first; may be repeated",
    )
    parser.add_argument(
        "--port", type=int, default=8500, help="gRPC port (8500)"
    )
    parser.add_argument(
        "--rest-port", type=int, default=8501, help="REST port (8501)"
    )
    parser.add_argument(
        "--no-rest", action="store_true", help="answer gRPC only"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (127.0.0.1); nothing is authenticated",
    )
    parser.add_argument(
        "--server",
        choices=("auto", "embedded", "tensorflow_model_server"),
        default="auto",
        help="which server (auto)",
    )


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT; each model has a name of its own."""
    names = [name for name, _ in args.model]
    if len(set(names)) < len(names):
        raise ServingError(
            f"--model names must differ; got {', '.join(names)}. One folder "
            "holds all versions of a model."
        )
    load_tensorflow(args.debug)
    from metazoo.serving import serve

    with _folders(dict(args.model)) as folders:
        return serve(
            folders,
            port=args.port,
            rest_port=None if args.no_rest else args.rest_port,
            host=args.host,
            prefer=args.server,
        )


def _model(text: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    if not (name and equals and place):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DIR")
    return name, place


@contextmanager
def _folders(models: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Folder of each model; presets are exported to one that goes away."""
    with tempfile.TemporaryDirectory(prefix="metazoo-serve-") as scratch:
        folders: dict[str, Any] = {}
        for name, place in models.items():
            folders[name] = place
            if place.startswith(_PRESET):
                folders[name] = Path(scratch, name)
                _export(place.removeprefix(_PRESET), folders[name])
        yield folders


def _export(preset: str, directory: Path) -> None:
    from metazoo.presets import from_preset
    from metazoo.serving import export

    export(from_preset(preset, progress=download_progress()), directory)
