"""Support sets and queries of what a model takes: images, or texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metazoo.cli.images import (
    Queries,
    Shape,
    Support,
    query_files,
    read_files,
)
from metazoo.cli.images import read_support as read_image_support
from metazoo.errors import DataError


@dataclass(frozen=True)
class Line:
    """A text and where it stands."""

    file: Path
    number: int
    text: str

    def __str__(self) -> str:
        """The place, such as `unknown.txt:3`."""
        return f"{self.file}:{self.number}"


def takes_texts(example_shape: Shape) -> bool:
    """Whether a model's examples are texts.

    Args:
        example_shape: shape of one example.
    """
    return len(tuple(example_shape)) == 0


def noun_of(example_shape: Shape) -> str:
    """What a model's examples are called.

    Args:
        example_shape: shape of one example.
    """
    return "texts" if takes_texts(example_shape) else "images"


def read_support(folder: str | Path, example_shape: Shape) -> Support:
    """Reads a folder of classes in the form that a model takes.

    Args:
        folder: holds a folder of images for each class; or, for texts, a
            file `CLASS.txt` or a folder of such files, one text a line.
        example_shape: shape of one example.

    Returns:
        The examples; labels count the classes in order of name.

    Raises:
        DataError: the folder is missing or empty, or a file can't be read.
    """
    if not takes_texts(example_shape):
        return read_image_support(folder, example_shape)
    from metazoo.data import from_text_folder

    data = from_text_folder(folder)
    return Support(data.images, data.labels, data.class_names)


def query_places(place: str | Path, example_shape: Shape) -> list[Any]:
    """Lists what is to be labelled.

    Args:
        place: a folder of images, or one; or, for texts, a file of one text
            a line, or a folder of `.txt` files.
        example_shape: shape of one example.

    Returns:
        Paths of images, or lines.

    Raises:
        DataError: there is none, or a file of texts can't be read.
    """
    if not takes_texts(example_shape):
        return query_files(place)
    from metazoo.data.text_folder import read_lines

    lines = [
        Line(file, number, text)
        for file in _text_files(Path(place).expanduser())
        for number, text in read_lines(file)
    ]
    if not lines:
        raise DataError(f"{place} holds no text.")
    return lines


def read_places(places: Sequence[Any], example_shape: Shape) -> Queries:
    """Reads some of what `query_places` listed.

    Args:
        places: paths, or lines.
        example_shape: shape of one example.

    Returns:
        The examples, in order.

    Raises:
        DataError: a file can't be read.
    """
    if not takes_texts(example_shape):
        return read_files(places, example_shape)
    import numpy as np

    texts = np.empty(len(places), object)
    texts[:] = [line.text for line in places]
    return Queries(texts, tuple(places))


def _text_files(place: Path) -> list[Path]:
    from metazoo.data.text_folder import SUFFIX

    if place.is_file():
        return [place]
    if not place.is_dir():
        raise DataError(f"No such file or folder: {place}.")
    return sorted(
        file
        for file in place.iterdir()
        if file.suffix == SUFFIX and not file.name.startswith(".")
    )
