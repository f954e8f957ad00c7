"""Connects commands to a server."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from metazoo.cli.options import positive
from metazoo.cli.quiet import load_tensorflow
from metazoo.errors import ServingError

if TYPE_CHECKING:
    from metazoo.serving import Client, ClientTls

NO_SERVER = "--server needs --model, the name of the model on the server"


def add_server(parser: argparse.ArgumentParser, required: bool) -> None:
    """Adds `--server`, `--model` and how to reach them."""
    group = parser.add_argument_group("server")
    group.add_argument(
        "--server",
        required=required,
        metavar="HOST:PORT",
        help="address of a server; for REST also a URL",
    )
    group.add_argument(
        "--model", required=required, help="name of the model on the server"
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--version",
        type=positive,
        metavar="N",
        help="version of the model (the highest)",
    )
    which.add_argument("--label", help="version label of the model")
    group.add_argument(
        "--transport",
        choices=("grpc", "rest"),
        default="grpc",
        help="what the port speaks (grpc)",
    )
    group.add_argument(
        "--timeout",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="for each call, retries included (30)",
    )
    _add_tls(group)


def _add_tls(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--tls",
        action="store_true",
        help="encrypt, and trust what the system trusts",
    )
    group.add_argument(
        "--tls-ca", metavar="FILE", help="encrypt, and trust these (PEM)"
    )
    group.add_argument(
        "--tls-certificate", metavar="FILE", help="the client's own (PEM)"
    )
    group.add_argument(
        "--tls-key", metavar="FILE", help="private key of --tls-certificate"
    )


def connect(args: argparse.Namespace) -> Client:
    """Makes a client of `--server`; over REST without TensorFlow.

    Args:
        args: with what `add_server` adds.

    Returns:
        The client.

    Raises:
        ServingError: an argument is missing or can't be used.
    """
    if not args.model:
        raise ServingError(NO_SERVER)
    if args.transport == "grpc":
        load_tensorflow(args.debug)
    from metazoo.serving import Client

    return Client(
        args.server,
        args.model,
        transport=args.transport,
        timeout=args.timeout,
        version=args.version,
        label=args.label,
        tls=_tls(args),
    )


def _tls(args: argparse.Namespace) -> ClientTls | None:
    from metazoo.serving import ClientTls

    files = (args.tls_ca, args.tls_certificate, args.tls_key)
    if not (args.tls or any(files)):
        return None
    return ClientTls(*files)


def example_shape(client: Client) -> tuple[int | None, ...]:
    """Shape of one example of a served model.

    Args:
        client: a client.

    Returns:
        Such as (28, 28, 1).

    Raises:
        ServingError: no signature takes examples.
    """
    return tuple(client.example_shape)
