"""Takes the four files out of a zip or tar.gz archive, and nothing else."""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from metazoo.errors import PresetError
from metazoo.presets.format import FILE_NAMES, SIZE_LIMITS

_CHUNK = 1 << 20
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    # How zipfile refuses an encrypted or otherwise compressed member.
    RuntimeError,
)
_MAX_MEMBERS = 16


def extract_preset(archive: Path, target: Path) -> None:
    """Copies the files of a preset out of an archive.

    The files lie at the top or in one folder. No path of the archive is ever
    used as a path: only the four known names are written.

    Args:
        archive: A ``.zip``, ``.tar.gz`` or ``.tgz`` file.
        target: An existing, empty directory.

    Raises:
        PresetError: If a member is absolute, has ``..``, is a link, a device
            or a foreign file, occurs twice, or is too large.
    """
    read = _zip_members if archive.name.endswith(".zip") else _tar_members
    seen: dict[str, str] = {}
    try:
        for path, file in read(archive):
            name = _member_name(archive, path, seen)
            _copy(archive, name, file, target / name)
    except _DAMAGED as bad:
        raise PresetError(f"{archive.name} can't be read: {bad}") from bad


def _member_name(archive: Path, path: str, seen: dict[str, str]) -> str:
    parts = path.removeprefix("./").split("/")
    if (
        len(parts) > 2
        or parts[0] in ("", "..", ".")
        or parts[-1] not in FILE_NAMES
        or parts[-1] in seen
        or any(folder != parts[0] for folder in seen.values() if folder)
    ):
        raise PresetError(
            f"{archive.name}: unexpected member {path!r}; an archive holds "
            f"only {', '.join(FILE_NAMES)}, once each, in at most one folder"
        )
    seen[parts[-1]] = parts[0] if len(parts) == 2 else ""
    return parts[-1]


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        _check_count(archive, len(members))
        for member in members:
            mode = member.external_attr >> 16
            if member.is_dir():
                continue
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise _not_ordinary(archive, member.filename)
            # `orig_filename` still has what zipfile cleans away.
            with file.open(member) as content:
                yield member.orig_filename, content


def _tar_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive, "r:gz") as file:
        for count, member in enumerate(file, start=1):
            _check_count(archive, count)
            if member.isdir():
                continue
            content = file.extractfile(member) if member.isreg() else None
            if content is None:
                raise _not_ordinary(archive, member.name)
            with content:
                yield member.name, content


def _check_count(archive: Path, count: int) -> None:
    if count > _MAX_MEMBERS:
        raise PresetError(
            f"{archive.name} has more than {_MAX_MEMBERS} members"
        )


def _not_ordinary(archive: Path, name: str) -> PresetError:
    return PresetError(
        f"{archive.name}: member {name!r} is a link or not an ordinary file"
    )


def _copy(archive: Path, name: str, source: IO[bytes], target: Path) -> None:
    size = 0
    with target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > SIZE_LIMITS[name]:
                raise PresetError(
                    f"{archive.name}: {name} is larger than the limit of "
                    f"{SIZE_LIMITS[name]} bytes"
                )
            file.write(chunk)
