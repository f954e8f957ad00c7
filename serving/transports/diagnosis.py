"""Finds out why a connection came to nothing, in words a person can use."""

from __future__ import annotations

import socket
import ssl

LONGEST_PROBE = 1.0

TLS_WANTED = "the server speaks TLS; give the client `tls`"
NO_TLS = "the server does not speak TLS; leave `tls` (or https) out"
NOT_TRUSTED = "the server's certificate is not trusted (see tls.ca)"
OTHER_NAME = (
    "the server's certificate is for another host name (see tls.server_name)"
)
REST_PORT = "the port does not speak gRPC; is it the REST port?"
GRPC_PORT = "the port does not speak REST; is it the gRPC port?"
CLOSED_TLS = (
    "the server closed the connection after TLS was agreed; it may want a "
    "client certificate that it trusts (tls.certificate, tls.key), or be "
    "the port of the other transport"
)


def speaks_tls(host: str, port: int, timeout: float) -> bool:
    """Tries a TLS handshake, whatever the certificate.

    Args:
        host: Where to connect.
        port: Its port.
        timeout: Seconds; never more than one is taken.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    timeout = min(timeout, LONGEST_PROBE)
    try:
        with (
            socket.create_connection((host, port), timeout) as connection,
            context.wrap_socket(connection),
        ):
            return True
    except OSError:
        return False


def tls_problem(error: ssl.SSLError) -> str | None:
    """Says what a failed handshake means, None if it may pass.

    Args:
        error: What the handshake raised.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        wrong_name = "mismatch" in error.verify_message
        return OTHER_NAME if wrong_name else NOT_TRUSTED
    if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return NO_TLS
    return CLOSED_TLS if "ALERT" in (error.reason or "") else None


_GRPC_DETAILS = (
    ("CERTIFICATE_VERIFY_FAILED", NOT_TRUSTED),
    ("Hostname Verification", OTHER_NAME),
    ("WRONG_VERSION_NUMBER", NO_TLS),
    ("Failed parsing HTTP/2", REST_PORT),
    ("http1.x server", REST_PORT),
    ("ALPN", REST_PORT),
)


def grpc_problem(details: str) -> str | None:
    """Says what the text of a failed gRPC connection means.

    Args:
        details: The text.

    Returns:
        The reason, None if it may pass.
    """
    for text, problem in _GRPC_DETAILS:
        if text in details:
            return problem
    return None


def closed_at_once(details: str) -> bool:
    """Whether gRPC was cut off before a connection stood.

    Args:
        details: The text of the failure.
    """
    return "failed to connect" in details and (
        "Socket closed" in details or "reset by peer" in details
    )
