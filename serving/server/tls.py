"""Certificates of the server, for gRPC and REST alike."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from metazoo.errors import ServingError
from metazoo.serving.config_protos import SSLConfig, read_text


@dataclass(frozen=True)
class ServerTls:
    """What TensorFlow Serving's SSLConfig holds, as PEM texts.

    Attributes:
        server_key: Private key of the server, not encrypted.
        server_cert: Its certificate, followed by the chain.
        custom_ca: Certificates that those of clients must lead to.
        client_verify: Whether clients must show a certificate.
    """

    server_key: str = field(repr=False)
    server_cert: str = field(repr=False)
    custom_ca: str = field(default="", repr=False)
    client_verify: bool = False

    def __post_init__(self) -> None:
        """Checks that the certificates can be used.

        Raises:
            ServingError: Names the field and what is wrong with it.
        """
        for name in ("server_key", "server_cert"):
            if not getattr(self, name):
                raise ServingError(f"{name} is missing")
        if self.client_verify and not self.custom_ca:
            raise ServingError(
                "client_verify needs custom_ca, the certificates that those "
                "of clients must lead to"
            )
        self.ssl_context()

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Reads an SSLConfig in protobuf text format.

        Args:
            path: The file; it holds the PEM texts themselves.

        Raises:
            ServingError: If it can't be read or used; names the file.
        """
        message = read_text(path, SSLConfig)
        try:
            return cls(
                message.server_key,
                message.server_cert,
                message.custom_ca,
                message.client_verify,
            )
        except ServingError as error:
            raise ServingError(f"{path}: {error}") from error

    def ssl_context(self) -> ssl.SSLContext:
        """Makes the context of the REST server.

        Raises:
            ServingError: If a PEM text can't be read, or the key is not that
                of the certificate.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load_pair(context)
        if self.client_verify:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(cadata=self.custom_ca)
            except (ssl.SSLError, ValueError) as error:
                raise ServingError(
                    f"custom_ca holds no certificates in PEM form: {error}"
                ) from error
        return context

    def _load_pair(self, context: ssl.SSLContext) -> None:
        # The module reads key and certificate from files only.
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = Path(folder, "key"), Path(folder, "certificate")
            for path, text in (
                (key, self.server_key),
                (certificate, self.server_cert),
            ):
                path.touch(mode=0o600)
                path.write_text(text)
            try:
                context.load_cert_chain(certificate, key, _no_password)
            except (ssl.SSLError, ValueError) as error:
                raise ServingError(
                    "server_key and server_cert are no matching pair in PEM "
                    f"form: {error}"
                ) from error

    def grpc_credentials(self) -> Any:
        """Makes the credentials of the gRPC server."""
        import grpc

        return grpc.ssl_server_credentials(
            [(self.server_key.encode(), self.server_cert.encode())],
            self.custom_ca.encode() if self.client_verify else None,
            self.client_verify,
        )


def _no_password() -> str:
    raise ValueError("the key is encrypted; give it without a password")
