"""Puts versions of a model into the folder: copies, or exports a preset."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from metazoo.errors import ExportError
from metazoo.serving.extras import require
from metazoo.serving.operations.plan import PlannedModel
from metazoo.serving.operations.writing import make_folder, make_readable
from metazoo.serving.publish import list_versions, publish
from metazoo.serving.staging import staging_folder


def place_versions(model: PlannedModel, base: Path) -> None:
    """Adds what a plan asks for; versions that are there stay.

    Args:
        model: The plan.
        base: The model's folder.

    Raises:
        ExportError: If the preset can't be exported, or a version that is
            there differs from the one to copy.
    """
    make_folder(base)
    present = list_versions(base)
    for version, source in model.copies.items():
        if version not in present:
            _copy(source, base, version)
        elif digest(source) != digest(present[version]):
            raise ExportError(
                f"{present[version]} differs from {source}; versions are "
                "never replaced, so export under a new number"
            )
    if model.preset is not None:
        _export(model.preset, base, model.version)


def _copy(source: Path, base: Path, version: int) -> None:
    with staging_folder(base) as staging:
        shutil.copytree(source, staging, dirs_exist_ok=True)
        _publish(staging, base, version)


def _export(preset: str, base: Path, version: int) -> None:
    from metazoo.presets import from_preset

    exporter = require("metazoo.serving.exporting.exporter")
    with staging_folder(base) as staging:
        # The warm-up records hold the name of the model's folder.
        path = exporter.export(
            from_preset(preset), staging / base.name, version
        )
        _publish(path, base, version)


def _publish(staging: Path, base: Path, version: int) -> None:
    # A server that can't read what it sees gives the version up for good.
    make_readable(staging)
    publish(staging, base, version)


def digest(folder: Path) -> str:
    """Hashes names and contents of all files of a folder.

    Args:
        folder: The folder.

    Returns:
        The hexadecimal SHA-256.
    """
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            name = path.relative_to(folder).as_posix()
            total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()
