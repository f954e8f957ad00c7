"""Export learners, serve them, and talk to the server."""

from __future__ import annotations

from typing import Any

from metazoo.serving.extras import require

_HOMES = {
    "export": "metazoo.serving.exporting.exporter",
    "Client": "metazoo.serving.client.client",
    "ClientTls": "metazoo.serving.transports.tls",
    "EmbeddedServer": "metazoo.serving.server.app",
    "serve": "metazoo.serving.process",
    "serve_config": "metazoo.serving.operations",
}

__all__ = [
    "Client",
    "ClientTls",
    "EmbeddedServer",
    "export",
    "serve",
    "serve_config",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(require(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
