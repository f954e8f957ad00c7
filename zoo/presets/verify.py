"""Checks a preset directory byte by byte before anything is made of it."""

from __future__ import annotations

import stat
from pathlib import Path

from metazoo.errors import PresetError
from metazoo.presets.format import (
    FILE_NAMES,
    HASHED_NAMES,
    METADATA_NAME,
    SIZE_LIMITS,
    FileInfo,
    PresetMetadata,
    hash_file,
)


def verify_directory(directory: str | Path) -> PresetMetadata:
    """Checks that a directory is exactly one undamaged preset.

    Args:
        directory: The preset directory.

    Returns:
        The metadata of the preset.

    Raises:
        PresetError: If a file is missing, foreign, a link, not an ordinary
            file, too large, or not what its recorded hash and size say; names
            the file and what was expected and found.
    """
    directory = Path(directory)
    _check_listing(directory)
    metadata = PresetMetadata.from_json(
        (directory / METADATA_NAME).read_bytes()
    )
    for name in HASHED_NAMES:
        if name not in metadata.files:
            raise PresetError(f"{directory / METADATA_NAME}: no hash of {name}")
        check_file(directory / name, metadata.files[name])
    return metadata


def check_file(path: Path, expected: FileInfo) -> None:
    """Checks one file against its recorded hash and size.

    Args:
        path: The file.
        expected: What it must be.

    Raises:
        PresetError: If it differs; names the file and both values.
    """
    size = path.stat().st_size
    if size != expected.size:
        raise PresetError(
            f"{path} is damaged: it has {size} bytes, expected {expected.size}"
        )
    found = hash_file(path)
    if found != expected:
        raise PresetError(
            f"{path} is damaged: its sha256 is {found.sha256}, expected "
            f"{expected.sha256}"
        )


def _check_listing(directory: Path) -> None:
    if not directory.is_dir():
        raise PresetError(f"{directory} is not a preset: no such directory")
    entries = {entry.name: entry for entry in directory.iterdir()}
    missing = [name for name in FILE_NAMES if name not in entries]
    if missing:
        raise PresetError(
            f"{directory} is not a preset: {', '.join(missing)} missing"
        )
    for name, entry in entries.items():
        if name not in FILE_NAMES:
            raise PresetError(
                f"{directory}: unexpected file {name!r}; a preset holds only "
                + ", ".join(FILE_NAMES)
            )
        status = entry.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise PresetError(
                f"{entry} is a link or not an ordinary file; refused"
            )
        if status.st_size > SIZE_LIMITS[name]:
            raise PresetError(
                f"{entry} has {status.st_size} bytes, more than the limit of "
                f"{SIZE_LIMITS[name]}"
            )
