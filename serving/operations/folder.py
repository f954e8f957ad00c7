"""Writes the folder that servers, containers and clusters run from."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from metazoo.errors import ServingError
from metazoo.serving.operations.compose import compose_text
from metazoo.serving.operations.kserve import kserve_text
from metazoo.serving.operations.kubernetes import kubernetes_text
from metazoo.serving.operations.models_config import models_config
from metazoo.serving.operations.plan import Labels, PlannedModel, Policy, plan
from metazoo.serving.operations.prometheus import prometheus_text, template
from metazoo.serving.operations.server_files import (
    batching_text,
    monitoring_text,
    ssl_text,
)
from metazoo.serving.operations.settings import Settings, TlsFiles
from metazoo.serving.operations.versions import place_versions
from metazoo.serving.operations.writing import make_folder, remove, write_file

SSL = "config/ssl.config"
# Written only when they are asked for, and else removed.
OPTIONAL = (SSL, "config/batching.txt")


def serve_config(
    models: Mapping[str, str | Path],
    output: str | Path,
    settings: Settings | None = None,
    labels: Labels | None = None,
    policies: Mapping[str, Policy] | None = None,
    tls: TlsFiles | None = None,
    force: bool = False,
) -> Path:
    """Writes models and configuration for a set of models.

    A new folder appears in one step, whole. In one that exists, every file
    and every version is replaced or added in one step, models before the
    configuration that names them, so that running servers may watch it;
    versions are never replaced or removed.

    Args:
        models: Name -> folder of versions, or `preset:PRESET` to export one.
        output: The folder to write.
        settings: How the servers run; None for the defaults.
        labels: Name -> label -> version. A model with labels serves the
            labelled versions unless a policy says otherwise.
        policies: Name -> which versions to serve; the highest by default.
        tls: PEM files to encrypt gRPC with; None for plain text.
        force: Whether the folder may exist.

    Returns:
        The folder.

    Raises:
        ServingError: If a value or a model is wrong, or the folder is in
            use and `force` is not set. Then nothing was written.
        ExportError: If a preset can't be exported, or a version in the
            folder differs from the one to be copied.
        ImportError: If the `serving` extra is not installed.
    """
    settings = settings or Settings()
    output = Path(output).absolute()
    if output.exists() and not output.is_dir():
        raise ServingError(f"{output} is no folder")
    fresh = not output.is_dir() or not any(output.iterdir())
    if not fresh and not force:
        raise ServingError(
            f"{output} is not empty; force (--force) adds to it and replaces "
            "its configuration"
        )
    planned = plan(models, output, labels or {}, policies or {})
    texts = _texts(planned, settings, tls)
    with _staging(output) if fresh else _in_place(output) as folder:
        for model in planned:
            place_versions(model, folder / "models" / model.config.name)
        _write(folder, texts, settings.user)
    return output


def _texts(
    planned: list[PlannedModel], settings: Settings, tls: TlsFiles | None
) -> dict[str, str]:
    local = [model.config for model in planned]
    there = [
        replace(config, base_path=Path(settings.root, config.name))
        for config in local
    ]
    names = [config.name for config in local]
    encrypted = tls is not None
    server = {
        "models.config": models_config(there),
        "monitoring.config": monitoring_text(),
    }
    if settings.batching:
        server["batching.txt"] = batching_text(settings)
    texts = {f"config/{name}": text for name, text in server.items()}
    if tls is not None:
        texts[SSL] = ssl_text(tls)
    return texts | {
        "models.local.config": models_config(local),
        "compose.yaml": compose_text(names, settings, encrypted),
        "kubernetes.yaml": kubernetes_text(names, settings, server, encrypted),
        "kserve.yaml": kserve_text(names, settings, server),
        "prometheus/prometheus.yml": prometheus_text(settings),
        "prometheus/alerts.yml": template("alerts.yml"),
        "grafana/dashboard.json": template("dashboard.json"),
    }


def _write(folder: Path, texts: Mapping[str, str], user: int) -> None:
    for name in OPTIONAL:
        if name not in texts:
            remove(folder / name)
    for name, text in texts.items():
        secret = name == SSL
        write_file(folder / name, text, owner=user if secret else None)


@contextmanager
def _staging(output: Path) -> Iterator[Path]:
    """A folder beside the output that takes its place at the end."""
    output.parent.mkdir(parents=True, exist_ok=True)
    staging = output.with_name(f".{output.name}.tmp-{uuid.uuid4().hex}")
    make_folder(staging)
    try:
        yield staging
        os.rename(staging, output)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _in_place(output: Path) -> Iterator[Path]:
    yield output
