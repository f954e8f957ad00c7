"""The options of a client, and the transport they ask for."""

from __future__ import annotations

from metazoo.errors import ServingError
from metazoo.serving.extras import require
from metazoo.serving.transports.base import Target, Transport
from metazoo.serving.transports.tls import ClientTls

ENCODINGS = {
    "grpc": ("auto", "content", "values"),
    "rest": ("auto", "json", "base64"),
}


def check(
    transport: str, encoding: str, timeout: float, retries: int, target: Target
) -> None:
    """Refuses options that can't be used.

    Args:
        transport: Name of the transport.
        encoding: How arrays are sent.
        timeout: Seconds of each call.
        retries: Tries after the first.
        target: Which model.

    Raises:
        ServingError: That names the option.
    """
    if transport not in ENCODINGS:
        raise ServingError(
            f"transport must be one of {sorted(ENCODINGS)}; got {transport!r}"
        )
    if encoding not in ENCODINGS[transport]:
        raise ServingError(
            f"encoding over {transport} must be one of "
            f"{ENCODINGS[transport]}; got {encoding!r}"
        )
    if not timeout > 0:
        raise ServingError(f"timeout must be above 0 s; got {timeout}")
    if retries < 0:
        raise ServingError(f"retries must be 0 or more; got {retries}")
    if not target.model:
        raise ServingError("model must be the name of a model; it is empty")
    if target.version is not None and target.label is not None:
        raise ServingError("give version or label, not both")
    if not isinstance(target.tls, ClientTls | None):
        raise ServingError(f"tls must be a ClientTls; got {target.tls!r}")


def open_transport(transport: str, encoding: str, target: Target) -> Transport:
    """Makes the transport.

    Args:
        transport: `grpc` or `rest`.
        encoding: How arrays are sent.
        target: Which model.

    Returns:
        The transport; nothing is sent yet.

    Raises:
        ServingError: An address or a certificate can't be used.
        ImportError: gRPC without the `serving` extra.
    """
    if transport == "rest":
        rest = require("metazoo.serving.transports.rest_transport")
        return rest.RestTransport(target)
    grpc = require("metazoo.serving.transports.grpc_transport")
    tensors = require("metazoo.serving.tensors")
    values = encoding == "values"
    write = tensors.write_values if values else tensors.write_content
    return grpc.GrpcTransport(target, write)
