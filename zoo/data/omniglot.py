"""Omniglot: handwritten characters of 50 alphabets, 20 drawings each."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.files import find_file, open_npz
from metazoo.data.omniglot_zips import (
    BACKGROUND,
    BOX_SIZE,
    EVALUATION,
    read_zip,
)
from metazoo.errors import DataError

PACKED_FILE = "omniglot_28x28.npz"
FOLDER = "omniglot"

# Held out of the background set for validation: whole alphabets, the first
# five of np.random.default_rng(0).permutation over the sorted 30 names.
VALIDATION_ALPHABETS = (
    "Arcadian",
    "Early_Aramaic",
    "Sanskrit",
    "Latin",
    "Cyrillic",
)

_LAKE_SPLITS = ("train", "val", "test", "background", "evaluation")
_VINYALS_PARTS = {"train": 0, "val": 1, "test": 2}
_FIELDS = (
    "images",
    "character_names",
    "alphabet",
    "alphabet_names",
    "is_evaluation",
    "vinyals_part",
)


def load_omniglot(
    data_dir: str | os.PathLike[str],
    split: str = "train",
    *,
    protocol: str = "lake",
    rotations: bool = False,
    image_size: int = 28,
) -> ClassDataset:
    """Reads Omniglot from a packed file or the official zips.

    Protocol "lake" (Lake et al., Human-level concept learning, Science 350,
    2015): `background` is the 30 background alphabets, `val` five of them
    (`VALIDATION_ALPHABETS`), `train` the other 25, `test` and `evaluation`
    the 20 evaluation alphabets. Protocol "vinyals" (Vinyals et al., Matching
    Networks, 2016; lists of Snell et al., Prototypical Networks, 2017):
    `train`, `val`, `test`, characters mixed over alphabets; it needs the
    packed file, which carries the lists.

    Args:
        data_dir: folder that holds `omniglot_28x28.npz`, or
            `images_background.zip` and `images_evaluation.zip`, or that has
            a folder `omniglot` that holds them. The packed file comes first.
        split: "train", "val", "test", "background" or "evaluation".
        protocol: "lake" or "vinyals".
        rotations: whether turns by 90, 180 and 270 degrees become classes.
        image_size: height and width; the files hold 28, other sizes are
            box-filtered from the 105x105 originals in the zips.

    Returns:
        uint8 images [examples, image_size, image_size, 1], 0 ink and 255
        paper; class names are `Alphabet/characterNN`.

    Raises:
        DataError: a file is missing or damaged, or the split is unknown.
    """
    _check_split(split, protocol)
    packed = find_file(data_dir, FOLDER, PACKED_FILE)
    if packed is not None and image_size == BOX_SIZE:
        dataset = _load_packed(packed, split, protocol)
    elif protocol == "vinyals":
        raise DataError(
            "protocol='vinyals' needs the packed file "
            f"{PACKED_FILE} in {os.fspath(data_dir)!r} and image_size="
            f"{BOX_SIZE}: the official zips don't carry that split."
        )
    else:
        dataset = _load_zips(data_dir, split, image_size)
    return dataset.with_rotations() if rotations else dataset


def _check_split(split: str, protocol: str) -> None:
    allowed = {"lake": _LAKE_SPLITS, "vinyals": tuple(_VINYALS_PARTS)}
    if protocol not in allowed:
        raise DataError(
            f"protocol must be one of {sorted(allowed)}; got {protocol!r}."
        )
    if split not in allowed[protocol]:
        raise DataError(
            f"split must be one of {list(allowed[protocol])} under protocol "
            f"{protocol!r}; got {split!r}."
        )


def _load_packed(path: pathlib.Path, split: str, protocol: str) -> ClassDataset:
    with open_npz(path, _FIELDS) as fields:
        images = fields["images"]
        names = fields["character_names"].tolist()
        part = fields["vinyals_part"]
        is_evaluation = fields["is_evaluation"].astype(bool)
        alphabets = fields["alphabet_names"][fields["alphabet"]]
    if images.ndim != 4 or images.dtype != np.uint8:
        raise DataError(
            f"{path}: images must be uint8 [character, drawer, height, "
            f"width]; got {images.dtype} of shape {images.shape}."
        )
    lengths = {len(images), len(names), len(part), len(is_evaluation)}
    if lengths != {len(alphabets)}:
        raise DataError(
            f"{path}: its fields must all have one entry a character; their "
            f"lengths are {sorted(lengths | {len(alphabets)})}."
        )
    if protocol == "vinyals":
        chosen = part == _VINYALS_PARTS[split]
    else:
        chosen = _lake_mask(split, alphabets, is_evaluation)
    return _as_dataset(images, names, chosen, f"omniglot-{protocol}", split)


def _lake_mask(
    split: str, alphabets: np.ndarray, is_evaluation: np.ndarray
) -> np.ndarray:
    if split in ("test", "evaluation"):
        return is_evaluation
    is_val = np.isin(alphabets, VALIDATION_ALPHABETS) & ~is_evaluation
    if split == "val":
        return is_val
    return ~is_evaluation if split == "background" else ~is_evaluation & ~is_val


def _load_zips(
    data_dir: str | os.PathLike[str], split: str, image_size: int
) -> ClassDataset:
    archive = EVALUATION if split in ("test", "evaluation") else BACKGROUND
    path = find_file(data_dir, FOLDER, archive.filename)
    if path is None:
        raise DataError(_missing_text(data_dir, archive.help_text))
    images, names = read_zip(path, archive, image_size)
    alphabets = np.array([name.split("/")[0] for name in names])
    is_evaluation = np.full(len(names), archive is EVALUATION)
    chosen = _lake_mask(split, alphabets, is_evaluation)
    return _as_dataset(images, names, chosen, "omniglot-lake", split)


def _missing_text(data_dir: str | os.PathLike[str], archive_help: str) -> str:
    root = pathlib.Path(data_dir).expanduser()
    return (
        f"Omniglot was not found in {root} nor {root / FOLDER}. Put "
        f"{archive_help} into {root / FOLDER}, or a packed {PACKED_FILE} "
        "(28x28 only). Without files, the data set 'glyphs' works offline."
    )


def _as_dataset(
    images: np.ndarray,
    names: list[str],
    chosen: np.ndarray,
    name: str,
    split: str,
) -> ClassDataset:
    """Flattens [character, drawer, height, width] of the chosen characters."""
    indices = np.flatnonzero(chosen)
    if not len(indices):
        raise DataError(f"{name} has no character in its split {split!r}.")
    drawers, height, width = images.shape[1:]
    return ClassDataset(
        images=images[indices].reshape(-1, height, width, 1),
        class_offsets=np.arange(len(indices) + 1) * drawers,
        class_names=tuple(names[i] for i in indices),
        name=name,
        split=split,
    )
