"""Files that are written whole or not at all, and survive a power cut."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a file to write that takes the place of another when it is done.

    Args:
        path: the file to be; its folder exists.

    Yields:
        A path beside it, with the same suffix; if the block raises, what was
        written there is removed and `path` stays as it is.
    """
    path = Path(path)
    temporary = path.with_name(
        f".{path.stem}.tmp-{uuid.uuid4().hex}{path.suffix}"
    )
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text file, whole or not at all.

    Args:
        path: the file.
        text: its content, written as UTF-8 with its line ends as they are.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def sync(path: str | os.PathLike[str]) -> None:
    """Makes what a file holds, or the renames in a folder, lasting.

    Args:
        path: a file or folder.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
