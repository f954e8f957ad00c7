"""Folders of images as support sets and queries; predictions as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

Shape = Sequence[int | None]


@dataclass(frozen=True)
class Support:
    """Labelled examples: `x`, int64 `y`, a name for each label."""

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Queries:
    """Unlabelled examples, and the files (or lines) they came from."""

    x: np.ndarray
    files: tuple[Any, ...]


def read_support(folder: str | Path, example_shape: Shape) -> Support:
    """Reads a folder of class folders in the size a learner takes.

    Args:
        folder: holds one folder for each class.
        example_shape: (height, width, channels) of the learner.

    Returns:
        The examples; labels count the class folders in order of name.

    Raises:
        DataError: the folder is missing or empty, or a file can't be read.
    """
    import numpy as np

    from metazoo.data import from_folder

    height, width, channels = image_shape(example_shape)
    data = from_folder(
        folder, image_size=(height, width), grayscale=channels == 1
    )
    return Support(
        data.images.astype(np.float32), data.labels, data.class_names
    )


def read_queries(place: str | Path, example_shape: Shape) -> Queries:
    """Reads the images of a folder (not of its sub-folders), or one image.

    Args:
        place: the folder or file.
        example_shape: (height, width, channels) of the learner.

    Returns:
        The examples, in order of file name.

    Raises:
        DataError: there is no image, or a file can't be read.
    """
    return read_files(query_files(place), example_shape)


def read_files(files: Sequence[Path], example_shape: Shape) -> Queries:
    """Reads images, each brought to the size and channels of a learner.

    Args:
        files: one or more image files.
        example_shape: (height, width, channels) of the learner.

    Returns:
        The examples, in the order of the files.

    Raises:
        DataError: a file can't be read.
    """
    import numpy as np

    from metazoo.data.images import read_image

    height, width, channels = image_shape(example_shape)
    images = [
        read_image(file, image_size=(height, width), grayscale=channels == 1)
        for file in files
    ]
    return Queries(np.stack(images).astype(np.float32), tuple(files))


def image_shape(example_shape: Shape) -> tuple[int, int, int]:
    """Checks that a learner takes images of one size.

    Args:
        example_shape: shape of one example.

    Returns:
        Height, width, channels (1 or 3).

    Raises:
        DataError: it takes something else.
    """
    shape = tuple(example_shape)
    if len(shape) != 3 or None in shape or shape[-1] not in (1, 3):
        raise DataError(
            f"The model takes examples of shape {shape}, not images of a "
            "fixed size with 1 or 3 channels; use the Python API for it."
        )
    return shape  # type: ignore[return-value]


def query_files(place: str | Path) -> list[Path]:
    """Lists the images of a folder (not of its sub-folders), or one image.

    Args:
        place: the folder or file.

    Returns:
        The files, in order of name.

    Raises:
        DataError: there is no image.
    """
    from metazoo.data.folder import SUFFIXES

    place = Path(place).expanduser()
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise DataError(f"No such file or folder: {place}.")
    files = sorted(
        file
        for file in place.iterdir()
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    )
    if not files:
        raise DataError(
            f"{place} holds no image; expected files ending in "
            f"{', '.join(SUFFIXES)}."
        )
    return files


def predictions(
    queries: Queries,
    probabilities: Any,
    class_names: Sequence[str],
    top: int = 1,
) -> list[dict[str, Any]]:
    """What was predicted for each file.

    Args:
        queries: the examples.
        probabilities: float [query, ways].
        class_names: a name for each label; columns without a name, which a
            model of a fixed number of ways has, are left out.
        top: how many classes `top` lists.

    Returns:
        Dicts with `file`, `class`, `label`, `probability`, `probabilities`
        (class name to probability) and `top` (dicts with `class`, `label`
        and `probability`, the likeliest first).

    Raises:
        DataError: the model gave no number, as a server does for a support
            set it can't learn.
    """
    if any(value != value for row in probabilities for value in row):
        raise DataError(
            f"The model gave no answer for {len(class_names)} classes; it "
            "may tell fewer apart (see its `metazoo info`)."
        )
    return [
        _prediction(file, [float(p) for p in row], class_names, top)
        for file, row in zip(queries.files, probabilities, strict=True)
    ]


def _prediction(
    file: Any, row: list[float], class_names: Sequence[str], top: int
) -> dict[str, Any]:
    named = list(zip(class_names, row, strict=False))
    # The sort is stable: of equals the lower label comes first.
    order = sorted(range(len(named)), key=lambda label: -row[label])
    best = [
        {"class": named[i][0], "label": i, "probability": row[i]}
        for i in order[:top]
    ]
    return {
        "file": str(file),
        **best[0],
        "probabilities": dict(named),
        "top": best,
    }
