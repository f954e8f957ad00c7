"""Vectors of unlabelled images, one row for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.errors import DataError
from metazoo.methods.cactus.cactus_clusters import unit_rows, zca_whitening

_MOST_PIXELS = 1024


def stored_embeddings(path: str, order: np.ndarray) -> np.ndarray:
    """Reads vectors that another program made.

    Args:
        path: of an `.npy` file: float [examples, size], a row for each image
            in the order of the data set's reader.
        order: of the unlabelled examples, as row numbers of the reader's.

    Returns:
        float32 [examples, size] in that order.

    Raises:
        DataError: the file is missing, or is not aligned with the images.
    """
    if not Path(path).is_file():
        raise DataError(f"No such file: {path}.")
    try:
        z = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} can't be read as an array: {error}") from error
    if not isinstance(z, np.ndarray):
        raise DataError(f"{path} holds several arrays; expected one (.npy).")
    check_aligned(z, len(order), path)
    return z[order].astype(np.float32)


def check_aligned(z: np.ndarray, num_examples: int, what: str) -> None:
    """Refuses vectors that can't be those of the images.

    Args:
        z: to be float [examples, size].
        num_examples: images there are.
        what: name for the error.

    Raises:
        DataError: the shape, dtype or values are wrong.
    """
    if z.ndim != 2 or z.dtype.kind != "f" or not z.shape[1]:
        raise DataError(
            f"{what} must hold float [examples, size]; got {z.dtype} of "
            f"shape {z.shape}."
        )
    if len(z) != num_examples:
        raise DataError(
            f"{what} has {len(z)} rows and there are {num_examples} images: "
            "one row for each image is needed, in the reader's order."
        )
    if not np.isfinite(z).all():
        raise DataError(f"{what} holds NaN or infinite values.")


def whitened_pixels(data: ClassDataset) -> np.ndarray:
    """ZCA-whitened raw pixels: a control that has learned nothing.

    Images of more than 1024 values are averaged over squares first. Vectors
    are brought to length one: without that, k-means makes one cluster of
    all but the outliers.

    Args:
        data: images.

    Returns:
        float32 [examples, pixels].

    Raises:
        DataError: the examples are no images.
    """
    if len(data.image_shape) != 3:
        raise DataError(
            f"pixels are asked for, and {data.name!r} has examples of shape "
            f"{data.image_shape}."
        )
    x = averaged(data.images) / np.float32(255)
    x = x.reshape(len(x), -1)
    found = zca_whitening(x)
    return unit_rows((x - found.mean) @ found.matrix).astype(np.float32)


def averaged(images: np.ndarray, most: int = _MOST_PIXELS) -> np.ndarray:
    """Means over the smallest squares that leave few enough values.

    Args:
        images: [examples, height, width, channels].
        most: values of an image to be.

    Returns:
        float32, cut at the lower and right edge if squares don't fit.
    """
    height, width, channels = images.shape[1:]
    side = 1
    while (height // side) * (width // side) * channels > most:
        side += 1
    rows, columns = height // side, width // side
    cut = images[:, : rows * side, : columns * side]
    squares = cut.reshape(len(images), rows, side, columns, side, channels)
    return squares.mean((2, 4), dtype=np.float32)


def standardised(z: np.ndarray) -> np.ndarray:
    """Every dimension with mean zero and variance one.

    Args:
        z: float32 [examples, size].

    Raises:
        DataError: no dimension varies.
    """
    deviation = z.std(0)
    if not (deviation > 0).any():
        raise DataError("all embeddings are equal; nothing can be told apart.")
    return (z - z.mean(0)) / np.where(deviation > 0, deviation, 1.0)
