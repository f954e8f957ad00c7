"""Any labelled image set of TensorFlow Datasets as a class data set."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from metazoo.data.class_dataset import ClassDataset, from_arrays
from metazoo.errors import DataError


def from_tfds(
    name: str,
    split: str = "train",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    image_key: str = "image",
    label_key: str = "label",
    max_examples: int | None = None,
) -> ClassDataset:
    """Loads a TFDS data set into memory, its examples sorted by class.

    Args:
        name: TFDS name, maybe with version, such as "mnist:3.0.1".
        split: TFDS split, such as "train" or "train[:10%]".
        data_dir: where TFDS keeps its files; None is its own default.
        image_key: feature with uint8 images [height, width, channels].
        label_key: feature with the integer label.
        max_examples: stop after so many examples; None takes all.

    Returns:
        The classes that occur, by their TFDS names where it knows them.

    Raises:
        ImportError: tensorflow-datasets is not installed.
        DataError: TFDS can't load it, a feature is missing, or the images
            differ in size.
    """
    library = _import_tfds()
    source, info = _load(library, name, split, data_dir)
    if max_examples is not None:
        source = source.take(max_examples)
    rows = library.as_numpy(source)
    images, labels = _collect(rows, name, image_key, label_key)
    present, labels = np.unique(labels, return_inverse=True)
    names = _class_names(info.features[label_key], present)
    return from_arrays(images, labels, names, name=name, split=split)


def _import_tfds() -> Any:
    try:
        return importlib.import_module("tensorflow_datasets")
    except ImportError as error:
        raise ImportError(
            'from_tfds needs tensorflow-datasets: pip install "metazoo[data]".'
        ) from error


def _load(library: Any, name: str, split: str, data_dir: Any) -> Any:
    try:
        return library.load(
            name, split=split, data_dir=data_dir, with_info=True
        )
    except Exception as error:  # TFDS raises errors of many libraries.
        raise DataError(
            f"TFDS can't load {name!r}, split {split!r}, with data_dir "
            f"{data_dir}: {type(error).__name__}: {error}"
        ) from error


def _collect(
    rows: Iterable[dict[str, Any]], name: str, image_key: str, label_key: str
) -> tuple[np.ndarray, np.ndarray]:
    images: list[np.ndarray] = []
    labels: list[int] = []
    for row in rows:
        missing = sorted({image_key, label_key} - set(row))
        if missing:
            raise DataError(
                f"TFDS {name!r} has no feature {missing}; it has "
                f"{sorted(row)}. Set image_key and label_key."
            )
        image = np.asarray(row[image_key])
        if images and image.shape != images[0].shape:
            raise DataError(
                f"TFDS {name!r} has images of several sizes, "
                f"{images[0].shape} and {image.shape}; resize them and use "
                "from_arrays."
            )
        images.append(image)
        labels.append(int(row[label_key]))
    if not images:
        raise DataError(f"TFDS {name!r} gave no example.")
    return np.stack(images), np.array(labels)


def _class_names(feature: Any, present: np.ndarray) -> list[str]:
    names = getattr(feature, "names", None)
    return [names[i] if names else str(i) for i in present.tolist()]
