"""Writes what an operator needs to run the models: `serve_config`."""

from __future__ import annotations

from metazoo.serving.operations.folder import serve_config
from metazoo.serving.operations.plan import Policy, parse_policy
from metazoo.serving.operations.reload import reload_models
from metazoo.serving.operations.settings import Settings, TlsFiles

__all__ = [
    "Policy",
    "Settings",
    "TlsFiles",
    "parse_policy",
    "reload_models",
    "serve_config",
]
