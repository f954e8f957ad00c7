"""Own images: a folder of class folders becomes a data set."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.images import read_image
from metazoo.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")


def from_folder(
    path: str | os.PathLike[str],
    *,
    image_size: int | tuple[int, int] | None = None,
    grayscale: bool = False,
    split: str = "all",
) -> ClassDataset:
    """Reads `path/CLASS/IMAGE`, each folder a class, in the order of names.

    Hidden files and files that are no images by suffix are left out.

    Args:
        path: the folder of class folders.
        image_size: height and width (one int for both) to box-filter all
            images to; None needs images of one size.
        grayscale: one channel instead of RGB.
        split: the split's name, for reports.

    Returns:
        uint8 images [examples, height, width, 1 or 3].

    Raises:
        DataError: there is no class folder, a class is empty, a file can't
            be read, sizes differ, or a link leaves the folder.
    """
    root = pathlib.Path(path).expanduser()
    if not root.is_dir():
        raise DataError(f"No such folder: {root}.")
    classes = [entry for entry in _visible(root) if entry.is_dir()]
    if not classes:
        raise DataError(f"{root} has no class folders.")
    files = [_image_files(folder, root) for folder in classes]
    images = [
        read_image(file, image_size=image_size, grayscale=grayscale)
        for class_files in files
        for file in class_files
    ]
    _check_one_size(images, [file for part in files for file in part])
    sizes = [len(class_files) for class_files in files]
    return ClassDataset(
        images=np.stack(images),
        class_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        class_names=tuple(folder.name for folder in classes),
        name=root.resolve().name,
        split=split,
    )


def _visible(folder: pathlib.Path) -> list[pathlib.Path]:
    entries = (e for e in folder.iterdir() if not e.name.startswith("."))
    return sorted(entries, key=lambda entry: entry.name)


def _image_files(
    folder: pathlib.Path, root: pathlib.Path
) -> list[pathlib.Path]:
    _check_inside(folder, root)
    files = [f for f in _visible(folder) if f.suffix.lower() in SUFFIXES]
    for file in files:
        _check_inside(file, root)
        if not file.is_file():
            raise DataError(f"{file} is no regular file.")
    if not files:
        raise DataError(
            f"{folder} holds no image; a class needs files ending in "
            f"{', '.join(SUFFIXES)}."
        )
    return files


def _check_inside(entry: pathlib.Path, root: pathlib.Path) -> None:
    if not entry.resolve().is_relative_to(root.resolve()):
        raise DataError(
            f"{entry} is a link that leaves {root}; copy the files instead."
        )


def _check_one_size(
    images: list[np.ndarray], files: list[pathlib.Path]
) -> None:
    first = images[0].shape
    for image, file in zip(images, files, strict=True):
        if image.shape != first:
            raise DataError(
                f"{file} is {image.shape[0]}x{image.shape[1]} but {files[0]} "
                f"is {first[0]}x{first[1]}; give image_size to resize all."
            )
