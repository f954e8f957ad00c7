"""Checks of a class data set's arrays, each error naming what came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metazoo.checks.texts import text_bytes, text_problem
from metazoo.errors import DataError

_DTYPES = (np.dtype(np.uint8), np.dtype(np.float32))


def checked_images(images: Any) -> np.ndarray:
    """Returns images as an array if their dtype and rank are right.

    Raises:
        DataError: they are not so.
    """
    images = np.asarray(images)
    if images.dtype.kind in "SUO":
        return checked_texts(images)
    if images.dtype not in _DTYPES:
        raise DataError(
            f"images must be uint8 (pixels 0..255), float32 or texts; got "
            f"dtype {images.dtype}."
        )
    rank_is_right = images.ndim == 4 or (
        images.dtype == np.float32 and images.ndim >= 2
    )
    if not rank_is_right or images.size == 0:
        raise DataError(
            "images must be a non-empty uint8 [examples, height, width, "
            "channels] or float32 [examples, *features]; got "
            f"{images.dtype} of shape {images.shape}."
        )
    return images


def checked_texts(texts: np.ndarray) -> np.ndarray:
    """Returns texts as an array of UTF-8 bytes.

    Raises:
        DataError: there is none, or one is empty, too long or not UTF-8.
    """
    if texts.ndim != 1 or texts.size == 0:
        raise DataError(
            f"texts must be [examples], one or more; got shape {texts.shape}."
        )
    checked = np.empty(len(texts), object)
    for number, text in enumerate(texts.tolist()):
        problem = text_problem(text)
        if problem is not None:
            raise DataError(f"text number {number} {problem}.")
        checked[number] = text_bytes(text)
    return checked


def checked_offsets(offsets: Any, num_examples: int) -> np.ndarray:
    """Returns offsets as int64 if they span the examples.

    Raises:
        DataError: they are not so.
    """
    offsets = np.asarray(offsets)
    if (
        offsets.ndim != 1
        or len(offsets) < 2
        or not np.issubdtype(offsets.dtype, np.integer)
    ):
        raise DataError(
            "class_offsets must be integers [classes + 1]; got "
            f"{offsets.dtype} of shape {offsets.shape}."
        )
    if offsets[0] != 0 or offsets[-1] != num_examples:
        raise DataError(
            f"class_offsets must run from 0 to {num_examples}, the number of "
            f"examples; they run from {offsets[0]} to {offsets[-1]}."
        )
    return offsets.astype(np.int64)


def checked_names(names: Sequence[str], num_classes: int) -> tuple[str, ...]:
    """Returns the names as a tuple if there is one a class.

    Raises:
        DataError: they are not so.
    """
    names = tuple(str(name) for name in names)
    if len(names) != num_classes:
        raise DataError(
            f"class_names must have {num_classes} names, one a class; got "
            f"{len(names)}."
        )
    if len(set(names)) != num_classes:
        twice = sorted({n for n in names if names.count(n) > 1})
        raise DataError(f"class_names repeat {twice[:5]}.")
    return names


def check_no_empty_class(offsets: np.ndarray, names: Sequence[str]) -> None:
    """Refuses classes without an example.

    Raises:
        DataError: there is one.
    """
    empty = np.flatnonzero(np.diff(offsets) <= 0)
    if len(empty):
        raise DataError(
            f"{len(empty)} classes have no example, among them "
            f"{[names[i] for i in empty[:5]]}; leave them out."
        )


def checked_labels(labels: Any, num_examples: int) -> np.ndarray:
    """Returns labels as int64 if there is one an example.

    Raises:
        DataError: they are not so.
    """
    labels = np.asarray(labels)
    if labels.shape != (num_examples,) or not np.issubdtype(
        labels.dtype, np.integer
    ):
        raise DataError(
            f"labels must be integers of shape ({num_examples},), one an "
            f"example; got {labels.dtype} of shape {labels.shape}."
        )
    return labels.astype(np.int64)


def checked_class_indices(indices: Any, num_classes: int) -> np.ndarray:
    """Returns distinct, existing class indices.

    Raises:
        DataError: they are not so.
    """
    indices = np.asarray(indices)
    if (
        indices.ndim != 1
        or len(indices) == 0
        or not np.issubdtype(indices.dtype, np.integer)
    ):
        raise DataError(
            "class_indices must be a non-empty list of integers; got "
            f"{indices.dtype} of shape {indices.shape}."
        )
    if indices.min() < 0 or indices.max() >= num_classes:
        raise DataError(
            f"class_indices must lie in [0, {num_classes}); got "
            f"{indices.min()} to {indices.max()}."
        )
    if len(np.unique(indices)) != len(indices):
        raise DataError("class_indices names a class twice.")
    return indices
