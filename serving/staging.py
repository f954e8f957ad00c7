"""The folder an export is written to before it gets its number."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metazoo.errors import ExportError

PREFIX = ".tmp-"
# A lock tells of owners on this machine only; no export takes this long.
STALE_SECONDS = 3600.0


@contextmanager
def staging_folder(base: Path) -> Iterator[Path]:
    """Makes a folder beside the versions, and removes what is left of it.

    Folders of exports that were killed are removed first. A folder is
    locked while its export runs, and the lock goes with the process.

    Args:
        base: The model's base folder; it is made.

    Yields:
        The folder, empty; its name is no number, so servers pass it over.

    Raises:
        ExportError: If the base folder can't be written to.
    """
    try:
        base.mkdir(parents=True, exist_ok=True)
        remove_stale(base)
        staging = base / f"{PREFIX}{uuid.uuid4().hex}"
        staging.mkdir()
        lock = os.open(staging, os.O_RDONLY)
    except OSError as error:
        raise ExportError(f"can't write to {base}: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        os.close(lock)


def remove_stale(base: Path, age: float = STALE_SECONDS) -> list[Path]:
    """Removes the folders of exports that were killed.

    Args:
        base: The model's base folder.
        age: Only folders unchanged for so many seconds are touched.

    Returns:
        The folders removed.
    """
    stale = [
        path
        for path in base.glob(f"{PREFIX}*")
        if _unchanged_for(path, age) and _owner_is_gone(path)
    ]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    return stale


def _unchanged_for(path: Path, age: float) -> bool:
    try:
        return time.time() - path.stat().st_mtime > age
    except OSError:
        return False


def _owner_is_gone(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
