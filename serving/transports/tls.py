"""What a client needs to speak TLS, over either transport."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from metazoo.errors import ServingError

Place = str | os.PathLike[str]


@dataclass(frozen=True)
class ClientTls:
    """Certificates of a connection, as PEM files.

    Attributes:
        ca: Certificates that vouch for the server; None for those that the
            system trusts.
        certificate: The client's own certificate (chain), where the server
            asks for one.
        key: The private key of `certificate`, not encrypted.
        server_name: Name the server's certificate is for, where that is not
            the host of the address.
    """

    ca: Place | None = None
    certificate: Place | None = None
    key: Place | None = None
    server_name: str | None = None

    def context(self) -> ssl.SSLContext:
        """Loads the files.

        Raises:
            ServingError: If a file can't be used.
        """
        if (self.certificate is None) != (self.key is None):
            raise ServingError(
                "tls.certificate and tls.key belong together; got "
                f"certificate={self.certificate!r}, key={self.key!r}"
            )
        context = _trusting(self.ca)
        if self.certificate is not None:
            _load_pair(context, self.certificate, self.key)
        return context

    def pem(self, name: str) -> bytes | None:
        """Reads one of the files.

        Args:
            name: `ca`, `certificate` or `key`.

        Returns:
            Its bytes; without `ca` those that the system trusts, None
            where there are none.
        """
        place = getattr(self, name)
        if place is None and name == "ca":
            place = ssl.get_default_verify_paths().cafile
        return None if place is None else Path(place).read_bytes()


def _trusting(ca: Place | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:
        raise ServingError(
            f"tls.ca {ca}: expected PEM certificates; {error}"
        ) from error


def _load_pair(
    context: ssl.SSLContext, certificate: Place, key: Place | None
) -> None:
    try:
        # A password would otherwise be asked for on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise ServingError(
            f"tls.certificate {certificate} with tls.key {key}: expected a "
            f"PEM certificate and its private key; {error}"
        ) from error
