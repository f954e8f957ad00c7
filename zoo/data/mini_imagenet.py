"""Mini-ImageNet: 100 classes of 84x84 photographs, 64/16/20 by split."""

from __future__ import annotations

import csv
import os
import pathlib

import numpy as np

from metazoo.data.class_dataset import ClassDataset, from_arrays
from metazoo.data.files import find_file
from metazoo.data.images import read_image
from metazoo.data.packed_jpeg import load_packed_jpeg
from metazoo.errors import DataError

FOLDER = "mini_imagenet"
SPLITS = ("train", "val", "test")
IMAGE_SIZE = 84


def load_mini_imagenet(
    data_dir: str | os.PathLike[str],
    split: str = "train",
    *,
    image_size: int = IMAGE_SIZE,
) -> ClassDataset:
    """Reads one split from a packed file, or from Ravi's CSV and images.

    The JPEGs are decoded once, with Pillow; other decoders differ by a grey
    level or two. Split of Ravi and Larochelle, Optimization as a Model for
    Few-Shot Learning (ICLR 2017).

    Args:
        data_dir: folder that holds `mini_imagenet_SPLIT_jpeg.npz`, or
            `SPLIT.csv` (columns filename, label) and a folder `images`; or
            that has a folder `mini_imagenet` that holds them. The packed
            file comes first.
        split: "train", "val" or "test".
        image_size: height and width; images of other sizes are box-filtered.

    Returns:
        uint8 images [examples, image_size, image_size, 3]; the class names
        are WordNet identifiers such as n01532829.

    Raises:
        DataError: a file is missing or damaged, or the split is unknown.
    """
    if split not in SPLITS:
        raise DataError(f"split must be one of {SPLITS}; got {split!r}.")
    packed = find_file(data_dir, FOLDER, f"mini_imagenet_{split}_jpeg.npz")
    if packed is not None:
        return load_packed_jpeg(
            packed,
            names="wnid",
            name="mini_imagenet",
            split=split,
            image_size=image_size,
        )
    table = find_file(data_dir, FOLDER, f"{split}.csv")
    if table is None:
        raise DataError(_missing_text(data_dir, split))
    return _load_csv(table, split, image_size)


def _missing_text(data_dir: str | os.PathLike[str], split: str) -> str:
    root = pathlib.Path(data_dir).expanduser()
    return (
        f"Mini-ImageNet's {split!r} split was not found in {root} nor "
        f"{root / FOLDER}. Put {split}.csv (from https://github.com/"
        "twitter-research/meta-learning-lstm, folder data/miniImagenet) and "
        "a folder 'images' with the files it names (ILSVRC 2012, "
        "https://www.image-net.org/, after registration) into "
        f"{root / FOLDER}, or a packed mini_imagenet_{split}_jpeg.npz. No "
        "hash is known for these: ImageNet's terms forbid passing them on."
    )


def _load_csv(table: pathlib.Path, split: str, image_size: int) -> ClassDataset:
    rows = _read_rows(table)
    names = sorted({label for _, label in rows})
    images = [
        read_image(_image_path(table, filename), image_size=image_size)
        for filename, _ in rows
    ]
    labels = [names.index(label) for _, label in rows]
    return from_arrays(
        np.stack(images), labels, names, name="mini_imagenet", split=split
    )


def _read_rows(table: pathlib.Path) -> list[tuple[str, str]]:
    with open(table, encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if not {"filename", "label"} <= set(reader.fieldnames or ()):
            raise DataError(
                f"{table} must have the columns filename and label; it has "
                f"{reader.fieldnames}."
            )
        rows = [(row["filename"], row["label"]) for row in reader]
    if not rows:
        raise DataError(f"{table} names no image.")
    return rows


def _image_path(table: pathlib.Path, filename: str) -> pathlib.Path:
    folder = table.parent / "images"
    path = folder / filename
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{table}: {filename!r} leads out of {folder}.")
    if not path.is_file():
        raise DataError(f"{table} names {filename}, which is not in {folder}.")
    return path
