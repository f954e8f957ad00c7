"""Writes files whole, readable by the server's user."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from metazoo.errors import ServingError

FILE_MODE = 0o644
FOLDER_MODE = 0o755
SECRET_MODE = 0o600


def write_file(path: Path, text: str, owner: int | None = None) -> None:
    """Writes a file in one step.

    Args:
        path: The file; its folder is made if it is missing.
        text: What it is to hold.
        owner: User id of the only one who may read it; None for everybody.

    Raises:
        ServingError: If the file can't be given to `owner`.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.tmp-{uuid.uuid4().hex}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    mode = FILE_MODE if owner is None else SECRET_MODE
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            if owner is None:
                os.fchmod(file.fileno(), mode)
            else:
                _give(file.fileno(), path, owner)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _give(descriptor: int, path: Path, owner: int) -> None:
    if os.fstat(descriptor).st_uid == owner:
        return
    try:
        os.fchown(descriptor, owner, -1)
    except PermissionError as error:
        raise ServingError(
            f"{path} holds a key that only user {owner} may read, and you "
            f"are user {os.getuid()}; run the server as yourself (--user "
            f"{os.getuid()}), or write the folder as root"
        ) from error


def remove(path: Path) -> None:
    """Removes a file if it is there."""
    path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Makes a folder that everybody may read, unless it is there."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir()
        folder.chmod(FOLDER_MODE)


def make_readable(folder: Path) -> None:
    """Lets everybody read a folder and what it holds, whatever the umask."""
    folder.chmod(FOLDER_MODE)
    for path in folder.rglob("*"):
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
