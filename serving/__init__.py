"""Export learners, serve them, and talk to the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metazoo._lazy import lazy as _lazy
from metazoo.serving.extras import require as _require

if TYPE_CHECKING:
    from metazoo.serving.client.client import Client
    from metazoo.serving.exporting.exporter import export
    from metazoo.serving.operations import serve_config
    from metazoo.serving.process import serve
    from metazoo.serving.server.app import EmbeddedServer
    from metazoo.serving.transports.tls import ClientTls

__all__ = [
    "Client",
    "ClientTls",
    "EmbeddedServer",
    "export",
    "serve",
    "serve_config",
]

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "client.client": "Client",
        "exporting.exporter": "export",
        "operations": "serve_config",
        "process": "serve",
        "server.app": "EmbeddedServer",
        "transports.tls": "ClientTls",
    },
    load=_require,
)
