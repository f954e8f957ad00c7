"""`metazoo serve --demo`: models from the cache, and the page for them."""

from __future__ import annotations

import argparse
from pathlib import Path

from metazoo.cli.logs import log_to_stderr
from metazoo.cli.quiet import load_tensorflow
from metazoo.cli.serve_options import server_files, settings_of
from metazoo.errors import ServingError

_OPTIONS = ("demo_images", "demo_texts", "no_browser")


def refuse_demo_options(args: argparse.Namespace) -> None:
    """Refuses options of the page where there is none.

    Args:
        args: The parsed options.

    Raises:
        ServingError: Names the option.
    """
    for name in _OPTIONS:
        if getattr(args, name):
            option = "--" + name.replace("_", "-")
            raise ServingError(f"{option} has no meaning without --demo")


def run_demo(args: argparse.Namespace) -> int:
    """Serves the page until SIGTERM or SIGINT.

    Args:
        args: The parsed options.

    Returns:
        The exit status.

    Raises:
        ServingError: If an option can't be had with the page, a port is
            taken, or a model does not fit the page.
    """
    if args.no_rest:
        raise ServingError("--demo needs REST; leave --no-rest out")
    if args.server == "tensorflow_model_server":
        raise ServingError(
            "--demo needs the embedded server, since tensorflow_model_server "
            "serves no pages; leave --server out"
        )
    files = server_files(args)
    _check_ports(args)
    folders = _folders(args)
    from metazoo.serving.demo.running import serve_demo

    with log_to_stderr():
        return serve_demo(
            folders,
            port=args.port,
            rest_port=args.rest_port,
            host=args.host,
            browser=not args.no_browser,
            files=files,
            **settings_of(args),
        )


def _check_ports(args: argparse.Namespace) -> None:
    """Before anything is exported for a port that is taken."""
    from metazoo.serving.server.listen import check_free, resolve

    address = resolve(args.host)
    for port, kind, option in (
        (args.port, "gRPC", "--port"),
        (args.rest_port, "REST", "--rest-port"),
    ):
        if port:
            check_free(address, port, kind, option)


def _folders(args: argparse.Namespace) -> dict[str, Path]:
    from metazoo.serving.demo.exports import CachedExport
    from metazoo.serving.demo.models import check_model, demo_models

    models = demo_models(args.demo_images, args.demo_texts)
    exports = {model: CachedExport(model.preset) for model in models}
    load_tensorflow(
        args.debug, keras=any(e.version is None for e in exports.values())
    )
    for model, export in exports.items():
        check_model(model, export.make())
    return {model.name: export.folder for model, export in exports.items()}
