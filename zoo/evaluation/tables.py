"""Tables of results: rows of a CSV file, added whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from metazoo.errors import MetazooError
from metazoo.whole_files import write_text


def append_csv(path: str | Path, row: Mapping[str, Any]) -> Path:
    """Adds a row to a CSV file, with a header if the file is new.

    The file is replaced by a longer one in one step, so that a reader never
    sees half a row; several processes may add to one file.

    Args:
        path: the file.
        row: column name to value.

    Returns:
        The path.

    Raises:
        MetazooError: the file has other columns.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent):
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        _check_columns(path, old, list(row))
        if old and not old.endswith("\n"):
            old += "\n"
        write_text(path, old + _lines(row, header=not old))
    return path


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check_columns(path: Path, old: str, columns: list[str]) -> None:
    found = next(csv.reader(io.StringIO(old)), columns)
    if found != columns:
        raise MetazooError(
            f"{path} has the columns {found}; this row has {columns}. Write "
            "to another file."
        )


def _lines(row: Mapping[str, Any], header: bool) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(row), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerow(row)
    return stream.getvalue()
