"""Own images: one npz file of [class, example, height, width] pixels."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.files import open_npz
from metazoo.errors import DataError


def load_npz(
    path: str | os.PathLike[str], *, split: str = "all"
) -> ClassDataset:
    """Reads an npz file with equally many examples a class.

    Args:
        path: npz file with `images`, uint8 [class, example, height, width]
            or [class, example, height, width, channels], and maybe
            `class_names`, strings [class]. Pickled objects are refused.
        split: the split's name, for reports.

    Returns:
        uint8 images [examples, height, width, channels]; classes without
        names are called "0", "1", ...

    Raises:
        DataError: the file is missing or damaged, or a field has another
            dtype or shape.
    """
    with open_npz(path, ["images"]) as fields:
        images = fields["images"]
        names = None
        if "class_names" in fields.files:
            names = fields["class_names"]
    if images.dtype != np.uint8 or images.ndim not in (4, 5):
        raise DataError(
            f"{path}: images must be uint8 [class, example, height, width] "
            "or [class, example, height, width, channels]; got "
            f"{images.dtype} of shape {images.shape}."
        )
    if images.size == 0:
        raise DataError(f"{path}: images is empty, of shape {images.shape}.")
    if images.ndim == 4:
        images = images[..., np.newaxis]
    num_classes, num_examples = images.shape[:2]
    return ClassDataset(
        images=images.reshape(-1, *images.shape[2:]),
        class_offsets=np.arange(num_classes + 1) * num_examples,
        class_names=_names(names, num_classes, path),
        name=pathlib.Path(path).stem,
        split=split,
    )


def _names(
    names: np.ndarray | None, num_classes: int, path: str | os.PathLike[str]
) -> tuple[str, ...]:
    if names is None:
        return tuple(str(index) for index in range(num_classes))
    if names.shape != (num_classes,) or names.dtype.kind != "U":
        raise DataError(
            f"{path}: class_names must be {num_classes} strings; got "
            f"{names.dtype} of shape {names.shape}."
        )
    return tuple(names.tolist())
