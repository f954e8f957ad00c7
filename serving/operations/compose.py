"""Writes compose.yaml: one server, and Prometheus on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metazoo.serving.operations import checks
from metazoo.serving.operations.flags import BINARY, CONFIG, server_flags
from metazoo.serving.operations.settings import (
    GRPC_PORT,
    REST_PORT,
    Settings,
)
from metazoo.serving.operations.yaml_text import yaml_text

# The release whose promtool has checked the files.
PROMETHEUS_IMAGE = "prom/prometheus:v2.42.0"
_HEADING = """\
docker compose up --detach
docker compose --profile monitoring up --detach   # with Prometheus
Ports are open on this machine alone: nothing on the wire is authenticated."""


def compose_text(
    models: Sequence[str], settings: Settings, tls: bool = False
) -> str:
    """Writes the file.

    Args:
        models: Names of the models.
        settings: How the servers run.
        tls: Whether gRPC is encrypted; REST, which never is, is then not
            published.
    """
    document = {
        "name": settings.name,
        "services": {
            "serving": _serving(models, settings, tls),
            "prometheus": _prometheus(),
        },
    }
    return yaml_text([document], _HEADING)


def _serving(
    models: Sequence[str], settings: Settings, tls: bool
) -> dict[str, Any]:
    ports = (GRPC_PORT,) if tls else (GRPC_PORT, REST_PORT)
    return {
        "image": settings.image,
        "entrypoint": [BINARY],
        "command": server_flags(settings, tls),
        # The server ignores SIGTERM as the first process of a container.
        "init": True,
        "user": f"{settings.user}:{settings.user}",
        "read_only": True,
        "tmpfs": ["/tmp"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "ports": [f"127.0.0.1:{port}:{port}" for port in ports],
        # Folders, not files: a file that is replaced by another of its name
        # would stay the old one in the container.
        "volumes": [
            f"./models:{settings.root}:ro",
            f"./config:{CONFIG}:ro",
        ],
        "cpus": settings.cpus,
        "mem_limit": checks.memory("memory", settings.memory),
        "restart": "unless-stopped",
        "healthcheck": {
            "test": ["CMD", "bash", "-c", _escaped(health_script(models))],
            "interval": "10s",
            "timeout": "5s",
            "retries": 3,
            "start_period": "120s",
        },
    }


def health_script(models: Sequence[str], port: int = REST_PORT) -> str:
    """Writes a bash script that fails unless every model is AVAILABLE.

    The image has no HTTP client, so bash speaks for itself.

    Args:
        models: Names of the models.
        port: REST port of the server on this machine.
    """
    return (
        f"for model in {' '.join(models)}; do "
        f"exec 3<>/dev/tcp/127.0.0.1/{port} && "
        r"printf 'GET /v1/models/%s HTTP/1.0\r\n\r\n' "
        '"$model" >&3 && grep -q \'"AVAILABLE"\' <&3 || exit 1; done'
    )


def _escaped(text: str) -> str:
    # compose fills in variables, and reads two dollar signs as one.
    return text.replace("$", "$$")


def _prometheus() -> dict[str, Any]:
    return {
        "image": PROMETHEUS_IMAGE,
        "profiles": ["monitoring"],
        "ports": ["127.0.0.1:9090:9090"],
        "volumes": ["./prometheus:/etc/prometheus:ro"],
        "restart": "unless-stopped",
    }
