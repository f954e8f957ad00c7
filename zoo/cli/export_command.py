"""`metazoo export`: a preset as a SavedModel that a server loads."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from metazoo.cli.options import add_json, add_preset, load_learner, positive

HELP = "write a preset as a versioned SavedModel"
EXAMPLE = "metazoo export --preset protonet_conv4_omniglot --output models/pn"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_preset(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the model; the version is written inside",
    )
    parser.add_argument(
        "--model-version",
        type=positive,
        metavar="N",
        help="number of the version (the next free one)",
    )
    parser.add_argument(
        "--no-warmup", action="store_true", help="store no warm-up requests"
    )
    parser.add_argument(
        "--variants",
        metavar="LIST",
        help="further forms of the signatures, separated by commas: padded "
        "(support sets of unequal sizes), bytes (raw bytes, for REST), a "
        "name such as predict_bytes, or none (padded, adapt_predict_bytes)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> Any:
    """Exports, and says where."""
    learner = load_learner(args)
    from metazoo.serving import export
    from metazoo.serving.info import read_info

    path = export(
        learner,
        args.output,
        version=args.model_version,
        warmup=not args.no_warmup,
        variants=_variants(args.variants),
    ).absolute()
    if not args.json:
        print(path)
        return 0
    return {
        "path": str(path),
        "directory": str(path.parent),
        "version": int(path.name),
        "preset": learner.preset_metadata.preset,
        "signatures": [s["name"] for s in read_info(path)["signatures"]],
        "size_bytes": sum(
            p.stat().st_size for p in path.rglob("*") if p.is_file()
        ),
    }


def _variants(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [] if text == "none" else [part.strip() for part in text.split(",")]
