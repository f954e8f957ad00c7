"""Own texts: a file, or a folder, of one text a line for each class."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from metazoo.checks.texts import text_problem
from metazoo.data.class_dataset import ClassDataset, from_arrays
from metazoo.errors import DataError

SUFFIX = ".txt"
# Beyond this a file is no list of texts to learn from.
MAX_FILE_BYTES = 1 << 28


def from_text_folder(
    path: str | os.PathLike[str], *, split: str = "all"
) -> ClassDataset:
    """Reads `path/CLASS.txt` or `path/CLASS/*.txt`, one text a line.

    Classes come in the order of their names. Hidden files and files of other
    suffixes are left out, and so are blank lines.

    Args:
        path: the folder.
        split: the split's name, for reports.

    Returns:
        Texts by class.

    Raises:
        DataError: there is no class, a class has no text, a line is too long
            or not UTF-8, or a link leaves the folder.
    """
    root = pathlib.Path(path).expanduser()
    if not root.is_dir():
        raise DataError(f"No such folder: {root}.")
    files = _files_by_class(root)
    if not files:
        raise DataError(
            f"{root} has no class: neither files CLASS{SUFFIX} nor folders "
            f"CLASS with {SUFFIX} files."
        )
    texts = {
        name: [text for file in own for _, text in read_lines(file)]
        for name, own in files.items()
    }
    empty = sorted(name for name, own in texts.items() if not own)
    if empty:
        raise DataError(f"{root}: the classes {empty[:5]} have no text.")
    everything = np.empty(sum(map(len, texts.values())), object)
    everything[:] = [text for own in texts.values() for text in own]
    labels = np.repeat(np.arange(len(texts)), [len(t) for t in texts.values()])
    return from_arrays(
        everything, labels, list(texts), name=root.resolve().name, split=split
    )


def read_lines(file: str | os.PathLike[str]) -> list[tuple[int, str]]:
    """Reads one text a line.

    Args:
        file: a text file in UTF-8.

    Returns:
        Pairs of the line's number, from 1, and its text; no blank lines.

    Raises:
        DataError: the file can't be read or is enormous, or a line is too
            long or not UTF-8; names the line.
    """
    file = pathlib.Path(file)
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise DataError(f"{file} is larger than {MAX_FILE_BYTES} bytes.")
        lines = file.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise DataError(f"{file} can't be read: {error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line:
            continue
        problem = text_problem(line)
        if problem is not None:
            raise DataError(f"{file}, line {number} {problem}.")
        found.append((number, line.decode("utf-8")))
    return found


def _files_by_class(root: pathlib.Path) -> dict[str, list[pathlib.Path]]:
    found: dict[str, list[pathlib.Path]] = {}
    for entry in _visible(root):
        _check_inside(entry, root)
        if entry.is_dir():
            files = [f for f in _visible(entry) if f.suffix == SUFFIX]
            for file in files:
                _check_inside(file, root)
            _add(found, entry.name, files, root)
        elif entry.suffix == SUFFIX:
            _add(found, entry.stem, [entry], root)
    return dict(sorted(found.items()))


def _add(
    found: dict[str, list[pathlib.Path]],
    name: str,
    files: list[pathlib.Path],
    root: pathlib.Path,
) -> None:
    if name in found:
        raise DataError(
            f"{root}: the class {name!r} is both a folder and a file."
        )
    if not files:
        raise DataError(f"{root / name} holds no {SUFFIX} file.")
    found[name] = files


def _visible(folder: pathlib.Path) -> list[pathlib.Path]:
    entries = (e for e in folder.iterdir() if not e.name.startswith("."))
    return sorted(entries, key=lambda entry: entry.name)


def _check_inside(entry: pathlib.Path, root: pathlib.Path) -> None:
    if not entry.resolve().is_relative_to(root.resolve()):
        raise DataError(
            f"{entry} is a link that leaves {root}; copy the files instead."
        )
