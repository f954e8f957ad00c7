"""Makes a finished version folder visible in one step."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from metazoo.errors import ExportError
from metazoo.whole_files import sync

LARGEST_VERSION = 2**63 - 1


def version_number(name: str) -> int | None:
    """Reads a folder name as a version; None if it is not one.

    Args:
        name: Decimal digits, leading zeros allowed, of a number that fits
            into 64 bits with a sign.
    """
    if not (name.isascii() and name.isdigit()):
        return None
    digits = name.lstrip("0") or "0"
    # Python refuses to read thousands of digits.
    if len(digits) > len(str(LARGEST_VERSION)):
        return None
    number = int(digits)
    return number if number <= LARGEST_VERSION else None


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


def check_version(base: Path, version: int | None) -> None:
    """Refuses a number that can't be published.

    Args:
        base: The model's base folder.
        version: The number wanted; None for the next free one.

    Raises:
        ExportError: If it is not a positive number of 64 bits with a sign,
            or exists.
    """
    if version is None:
        return
    if not 1 <= version <= LARGEST_VERSION:
        raise ExportError(
            f"version must be at least 1 and at most {LARGEST_VERSION}; got "
            f"{version}"
        )
    if version in list_versions(base):
        raise _exists(base / str(version))


def publish(staging: Path, base: Path, version: int | None) -> Path:
    """Renames a finished folder to its version number.

    Args:
        staging: The finished folder, on the file system of `base`.
        base: The model's base folder.
        version: The number wanted; None for the next free one.

    Returns:
        The published folder.

    Raises:
        ExportError: If the number can't be published, or the folder can't
            be written.
    """
    try:
        _sync_tree(staging)
    except OSError as error:
        raise ExportError(f"can't write to {base}: {error}") from error
    while True:
        number = version or max(list_versions(base), default=0) + 1
        if version is not None or number > LARGEST_VERSION:
            check_version(base, number)
        target = base / str(number)
        try:
            os.rename(staging, target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise ExportError(f"can't publish {target}: {error}") from error
            if version is not None:
                raise _exists(target) from error
            # Another export took the number.
            continue
        sync(base)
        return target


def _exists(target: Path) -> ExportError:
    return ExportError(f"{target} exists; versions are never replaced")


def _sync_tree(root: Path) -> None:
    for directory, _, names in os.walk(root):
        for name in names:
            sync(Path(directory, name))
        sync(Path(directory))
