"""Packed JPEGs: many small images in one npz file."""

from __future__ import annotations

import io
import pathlib

import numpy as np

from metazoo.data.class_dataset import ClassDataset, from_arrays
from metazoo.data.files import open_npz
from metazoo.data.images import read_image
from metazoo.errors import DataError


def load_packed_jpeg(
    path: pathlib.Path,
    *,
    names: str,
    name: str,
    split: str,
    image_size: int | None = None,
) -> ClassDataset:
    """Reads `jpeg`, `offset`, `label` and the names of classes.

    Image i is the bytes `offset[i]` to `offset[i + 1]` of `jpeg`. The images
    are decoded once, with Pillow; other decoders differ by a grey level or
    two.

    Args:
        path: the npz file.
        names: its field that names the classes.
        name: the data set's name.
        split: the split's name.
        image_size: height and width; images of other sizes are box-filtered.

    Returns:
        uint8 images [examples, height, width, 3].

    Raises:
        DataError: the file is damaged or lacks a field.
    """
    with open_npz(path, ("jpeg", "offset", "label", names)) as fields:
        stream = fields["jpeg"].tobytes()
        offsets = fields["offset"].tolist()
        labels = fields["label"].astype(np.int64)
        class_names = fields[names].tolist()
    spans = len(offsets) > 1 and (offsets[0], offsets[-1]) == (0, len(stream))
    if not spans:
        raise DataError(
            f"{path}: offset must run from 0 to {len(stream)}, the length of "
            f"jpeg; it starts {offsets[:1]} and ends {offsets[-1:]}."
        )
    images = [
        read_image(
            io.BytesIO(stream[begin:end]),
            image_size=image_size,
            label=f"{path}, image {number}",
        )
        for number, (begin, end) in enumerate(
            zip(offsets[:-1], offsets[1:], strict=True)
        )
    ]
    return from_arrays(
        np.stack(images), labels, class_names, name=name, split=split
    )
