"""`metazoo serve`: answers over gRPC and REST until it is stopped."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metazoo.cli.logs import log_to_stderr
from metazoo.cli.options import download_progress
from metazoo.cli.quiet import load_tensorflow
from metazoo.cli.serve_demo import refuse_demo_options, run_demo
from metazoo.cli.serve_options import add_arguments, server_files, settings_of
from metazoo.errors import ServingError

__all__ = ["EXAMPLE", "HELP", "add_arguments", "run"]

HELP = "serve exported models over gRPC and REST"
EXAMPLE = "metazoo serve --model pn=models/pn --port 8500 --rest-port 8501"
_PRESET = "preset:"


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT; each model has a name of its own."""
    if args.demo:
        return run_demo(args)
    refuse_demo_options(args)
    models = args.model or []
    names = [name for name, _ in models]
    if len(set(names)) < len(names):
        raise ServingError(
            f"--model names must differ; got {', '.join(names)}. One folder "
            "holds all versions of a model."
        )
    exports = any(place.startswith(_PRESET) for _, place in models)
    load_tensorflow(args.debug, keras=exports)
    from metazoo.serving import serve

    files = server_files(args)
    with log_to_stderr(), _folders(dict(models)) as folders:
        return serve(
            folders,
            port=args.port,
            rest_port=None if args.no_rest else args.rest_port,
            host=args.host,
            prefer=args.server,
            files=files,
            **settings_of(args),
        )


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
