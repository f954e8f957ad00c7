"""Makes a finished version folder visible in one step."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from metazoo.errors import ExportError


def version_number(name: str) -> int | None:
    """Reads a folder name as a version; None if it is not one."""
    return int(name) if name.isascii() and name.isdigit() else None


def list_versions(base: Path) -> dict[int, Path]:
    """Lists the version folders of a model.

    Args:
        base: The model's base folder; it may be missing.

    Returns:
        Version -> folder, in ascending order.
    """
    try:
        children = sorted(base.iterdir())
    except FileNotFoundError:
        return {}
    found = {}
    for child in children:
        number = version_number(child.name)
        if number is not None and child.is_dir():
            found[number] = child
    return dict(sorted(found.items()))


def publish(staging: Path, base: Path, version: int | None) -> Path:
    """Renames a finished folder to its version number.

    Args:
        staging: The finished folder, on the file system of `base`.
        base: The model's base folder.
        version: The number wanted; None for the next free one.

    Returns:
        The published folder.

    Raises:
        ExportError: If the version is not a positive number or exists.
    """
    if version is not None and version < 1:
        raise ExportError(f"version must be at least 1; got {version}")
    _sync_tree(staging)
    while True:
        existing = list_versions(base)
        number = version or max(existing, default=0) + 1
        target = base / str(number)
        if number in existing:
            raise ExportError(f"{target} exists; versions are never replaced")
        try:
            os.rename(staging, target)
        except OSError as error:
            taken = error.errno in (errno.ENOTEMPTY, errno.EEXIST)
            if taken and version is None:
                continue
            raise ExportError(f"can't publish {target}: {error}") from error
        _sync(base)
        return target


def _sync_tree(root: Path) -> None:
    for directory, _, names in os.walk(root):
        for name in names:
            _sync(Path(directory, name))
        _sync(Path(directory))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
