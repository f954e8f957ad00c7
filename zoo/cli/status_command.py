"""`metazoo status`: the versions of a served model, and what they take."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from metazoo.cli.options import add_json
from metazoo.cli.output import table
from metazoo.cli.remote import add_server, connect

if TYPE_CHECKING:
    from metazoo.serving.signatures import TensorInfo

HELP = "list the versions and signatures of a model on a server"
EXAMPLE = "metazoo status --server 127.0.0.1:8500 --model pn"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_json(parser)
    add_server(parser, required=True)


def run(args: argparse.Namespace) -> Any:
    """Asks the server for both."""
    with connect(args) as client:
        versions = client.status()
        signatures = {
            name: {
                "inputs": _tensors(signature.inputs),
                "outputs": _tensors(signature.outputs),
            }
            for name, signature in client.metadata().items()
        }
    if args.json:
        return {
            "model": args.model,
            "versions": versions,
            "signatures": signatures,
        }
    cells = [
        (str(v["version"]), v["state"], v["code"], v["message"])
        for v in versions
    ]
    print(table(cells, ("VERSION", "STATE", "CODE", "MESSAGE")))
    print()
    print(table(_cells(signatures), ("SIGNATURE", "SIDE", "TENSOR", "TYPE")))
    return 0


def _tensors(infos: Mapping[str, TensorInfo]) -> dict[str, Any]:
    return {
        name: {
            "dtype": info.dtype,
            "shape": None if info.shape is None else list(info.shape),
        }
        for name, info in infos.items()
    }


def _cells(signatures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    from metazoo.serving.signatures import shape_text

    return [
        (name, side, tensor, f"{info['dtype']} {shape_text(info['shape'])}")
        for name, sides in sorted(signatures.items())
        for side, tensors in sides.items()
        for tensor, info in tensors.items()
    ]
