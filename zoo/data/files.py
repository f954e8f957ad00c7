"""Finding, checking and opening the files of data sets."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from metazoo.errors import DataError

_CHUNK_BYTES = 1 << 20
_DAMAGED = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error)


def find_file(
    data_dir: str | os.PathLike[str], subfolder: str, filename: str
) -> pathlib.Path | None:
    """Looks for a file in a folder, then in its subfolder.

    Args:
        data_dir: the folder, or the parent of `subfolder`.
        subfolder: name of the data set's own folder.
        filename: the file's name.

    Returns:
        The path, or None where neither place has it.
    """
    root = pathlib.Path(data_dir).expanduser()
    for path in (root / filename, root / subfolder / filename):
        if path.is_file():
            return path
    return None


def file_digest(path: pathlib.Path, algorithm: str) -> str:
    """Returns the hex digest of a file, read piece by piece.

    Args:
        path: the file.
        algorithm: a name `hashlib.new` knows.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def open_npz(
    path: str | os.PathLike[str], required: Sequence[str]
) -> Iterator[np.lib.npyio.NpzFile]:
    """Opens an npz file without pickled objects and checks its fields.

    Args:
        path: the file.
        required: names that must be in it.

    Yields:
        The open file, a mapping from names to arrays.

    Raises:
        DataError: the file is missing, damaged, holds pickled objects or
            lacks a field.
    """
    path = pathlib.Path(path).expanduser()
    if not path.is_file():
        raise DataError(f"No such file: {path}.")
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise DataError(f"{path} is no npz file of named arrays.")
        with loaded as fields:
            _check_fields(path, fields.files, required)
            yield fields
    except _DAMAGED as error:
        raise DataError(
            f"{path} can't be read as an npz file without pickled objects: "
            f"{error}"
        ) from error


def _check_fields(
    path: pathlib.Path, present: Sequence[str], required: Sequence[str]
) -> None:
    missing = sorted(set(required) - set(present))
    if missing:
        raise DataError(
            f"{path} lacks the fields {missing}; it has {sorted(present)}."
        )
