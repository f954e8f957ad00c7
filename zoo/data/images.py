"""Reads one image file with Pillow into a uint8 array."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from metazoo.errors import DataError

_UNREADABLE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
)


def read_image(
    source: str | os.PathLike[str] | Any,
    *,
    image_size: int | tuple[int, int] | None = None,
    grayscale: bool = False,
    label: str | None = None,
) -> np.ndarray:
    """Decodes an image with Pillow, its first frame if it has several.

    Transparent pixels are laid on white. Images of more than 8 bits a
    channel are refused: Pillow would cut their values off at 255.

    Args:
        source: path or binary stream.
        image_size: height and width (one int for both) to box-filter to;
            None keeps the size.
        grayscale: one channel instead of RGB.
        label: what to call the image in an error; by default `source`.

    Returns:
        uint8 [height, width, 1 or 3].

    Raises:
        DataError: the file can't be read as an image.
    """
    try:
        with Image.open(source) as image:
            _check_depth(image)
            flat = _flatten(image, "L" if grayscale else "RGB")
    except _UNREADABLE as error:
        raise DataError(
            f"{label or source} can't be read as an image: {error}"
        ) from error
    if image_size is not None:
        flat = flat.resize(_width_height(image_size), Image.Resampling.BOX)
    pixels = np.asarray(flat)
    return pixels[..., np.newaxis] if grayscale else pixels


def _check_depth(image: Image.Image) -> None:
    if image.mode.startswith(("I", "F")):
        raise ValueError(
            f"its pixels are of mode {image.mode}; expected 8 bits a channel"
        )


def _flatten(image: Image.Image, mode: str) -> Image.Image:
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA"):
        colour = image.convert("RGBA")
        paper = Image.new("RGBA", colour.size, "white")
        image = Image.alpha_composite(paper, colour)
    return image.convert(mode)


def _width_height(image_size: int | tuple[int, int]) -> tuple[int, int]:
    if isinstance(image_size, int):
        height = width = image_size
    else:
        height, width = image_size
    if height < 1 or width < 1:
        raise DataError(
            f"image_size must be positive; got {height} by {width}."
        )
    return width, height
