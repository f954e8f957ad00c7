"""Addresses that the front ends listen on."""

from __future__ import annotations

import ipaddress
import socket

from metazoo.errors import ServingError

ANY_IPV6 = "::"
_BACKLOG = 1024


def resolve(host: str) -> str:
    """Finds the one numeric address that a host name stands for.

    Both front ends listen on that address alone: on all addresses of a name,
    a port could be free on one and another server's on the next.

    Args:
        host: A name or an address; of a name's addresses, IPv4 comes first.

    Raises:
        ServingError: If there is no such host.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ServingError(
            f"host {host!r} is no address of this machine: {error.strerror}"
        ) from error
    families = [family for family, *_ in found]
    first = families.index(socket.AF_INET) if socket.AF_INET in families else 0
    return str(found[first][4][0])


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach a numeric address."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def join(address: str, port: int) -> str:
    """Writes `address:port`, with brackets where the address is IPv6."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def listen(address: str, port: int, kind: str, option: str) -> socket.socket:
    """Opens a listening socket.

    Args:
        address: Numeric address.
        port: Port; 0 for a free one.
        kind: What listens, for the error.
        option: Command line option of the port, for the error.

    Raises:
        ServingError: If the port is taken, or is not for this user.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server(
            (address, port),
            family=family,
            backlog=_BACKLOG,
            # As gRPC does it.
            dualstack_ipv6=address == ANY_IPV6 and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise cannot_listen(
            address, port, kind, option, error.strerror or str(error)
        ) from error


def cannot_listen(
    address: str, port: int, kind: str, option: str, reason: str
) -> ServingError:
    """Makes the error of a port that can't be had."""
    return ServingError(
        f"can't listen for {kind} on {join(address, port)}: {reason}; is "
        f"another server on that port? Choose another with {option}"
    )


def check_free(address: str, port: int, kind: str, option: str) -> None:
    """Finds out about a taken port before models are loaded for it.

    Raises:
        ServingError: If the port can't be had.
    """
    listen(address, port, kind, option).close()
