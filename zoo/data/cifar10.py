"""CIFAR-10: 60,000 photographs of 32x32 pixels in ten classes."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from metazoo.data.class_dataset import ClassDataset, from_arrays
from metazoo.data.files import find_file
from metazoo.data.packed_jpeg import load_packed_jpeg
from metazoo.errors import DataError

FOLDER = "cifar10"
OFFICIAL_FOLDER = "cifar-10-batches-bin"
CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_FILES = {
    "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test": ("test_batch.bin",),
}
_SIDE = 32
_RECORD = 1 + 3 * _SIDE * _SIDE


def load_cifar10(
    data_dir: str | os.PathLike[str], split: str = "train"
) -> ClassDataset:
    """Reads one split from a packed file, or from the official binary files.

    Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).
    Both splits show the same ten classes.

    Args:
        data_dir: folder that holds `cifar10_SPLIT_jpeg.npz` or the folder
            `cifar-10-batches-bin`, or that has a folder `cifar10` that holds
            them. The packed file comes first; its images are JPEGs, so their
            pixels are not the official ones.
        split: "train" or "test".

    Returns:
        uint8 images [examples, 32, 32, 3].

    Raises:
        DataError: a file is missing or damaged, or the split is unknown.
    """
    if split not in _FILES:
        raise DataError(f"split must be one of {list(_FILES)}; got {split!r}.")
    packed = find_file(data_dir, FOLDER, f"cifar10_{split}_jpeg.npz")
    if packed is not None:
        return load_packed_jpeg(
            packed, names="class_names", name="cifar10-jpeg", split=split
        )
    return _load_official(data_dir, split)


def _load_official(
    data_dir: str | os.PathLike[str], split: str
) -> ClassDataset:
    paths = [_official(data_dir, name) for name in _FILES[split]]
    records = np.concatenate([_records(path) for path in paths])
    pixels = records[:, 1:].reshape(-1, 3, _SIDE, _SIDE)
    return from_arrays(
        np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)),
        records[:, 0].astype(np.int64),
        CLASS_NAMES,
        name="cifar10",
        split=split,
    )


def _official(data_dir: str | os.PathLike[str], name: str) -> pathlib.Path:
    root = pathlib.Path(data_dir).expanduser()
    for folder in (root, root / FOLDER):
        path = find_file(folder, OFFICIAL_FOLDER, name)
        if path is not None:
            return path
    raise DataError(
        f"CIFAR-10's {name} was not found in {root} nor {root / FOLDER}. Put "
        f"the folder {OFFICIAL_FOLDER} (cifar-10-binary.tar.gz of "
        "https://www.cs.toronto.edu/~kriz/cifar.html) there, or packed "
        "cifar10_train_jpeg.npz and cifar10_test_jpeg.npz."
    )


def _records(path: pathlib.Path) -> np.ndarray:
    content = np.fromfile(path, np.uint8)
    if not len(content) or len(content) % _RECORD:
        raise DataError(
            f"{path} holds {len(content)} bytes, no multiple of the "
            f"{_RECORD} of a label and an image."
        )
    records = content.reshape(-1, _RECORD)
    if records[:, 0].max() >= len(CLASS_NAMES):
        raise DataError(f"{path} holds a label above 9.")
    return records
