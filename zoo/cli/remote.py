"""Connects commands to a server."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from metazoo.errors import ServingError

if TYPE_CHECKING:
    from metazoo.serving import Client

NO_SERVER = "--server needs --model, the name of the model on the server"


def add_server(parser: argparse.ArgumentParser, required: bool) -> None:
    """Adds `--server`, `--model`, `--rest` and `--timeout`."""
    parser.add_argument(
        "--server",
        required=required,
        metavar="HOST:PORT",
        help="address of a server",
    )
    parser.add_argument(
        "--model", required=required, help="name of the model on the server"
    )
    parser.add_argument(
        "--rest", action="store_true", help="speak REST to the server"
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, help="seconds a call (30)"
    )


def connect(args: argparse.Namespace) -> Client:
    """Makes a client of `--server`.

    Args:
        args: with `server`, `model`, `rest` and `timeout`.

    Returns:
        The client.

    Raises:
        ServingError: an argument is missing or can't be used.
    """
    from metazoo.serving import Client

    if not args.model:
        raise ServingError(NO_SERVER)
    return Client(
        args.server,
        args.model,
        transport="rest" if args.rest else "grpc",
        timeout=args.timeout,
    )


def example_shape(client: Client) -> tuple[int | None, ...]:
    """Shape of one example of a served model.

    Args:
        client: a client.

    Returns:
        Such as (28, 28, 1).

    Raises:
        ServingError: no signature takes examples.
    """
    for signature in client.metadata().values():
        found = signature.inputs.get("query_x")
        if found is not None and found.shape is not None:
            return tuple(found.shape[2:])
    raise ServingError("no signature of the model takes query_x")
