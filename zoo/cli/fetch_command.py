"""`metazoo fetch`: brings a preset to this machine."""

from __future__ import annotations

import argparse
from typing import Any

from metazoo.cli.options import add_json, download_progress

HELP = "download and verify a preset, and print its folder"
EXAMPLE = "metazoo fetch hf://owner/protonet_conv4_omniglot"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "preset",
        help="registered name, local folder, or https://, hf://, kaggle:// "
        "or gs:// address",
    )
    parser.add_argument(
        "--refresh", action="store_true", help="download it anew"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=30.0,
        help="seconds without a byte before giving up (30)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Fetches; what is here and whole already is not fetched again."""
    from metazoo.presets import fetch
    from metazoo.presets.verify import verify_directory

    directory = fetch(
        args.preset,
        progress=download_progress(),
        refresh=args.refresh,
        timeout=args.timeout,
    )
    if not args.json:
        print(directory)
        return 0
    metadata = verify_directory(directory)
    return {
        "preset": metadata.preset,
        "method": metadata.method,
        "revision": metadata.revision,
        "directory": str(directory),
        "size_bytes": sum(p.stat().st_size for p in directory.iterdir()),
    }
