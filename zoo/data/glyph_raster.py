"""Glyphs: turns pen paths to anti-aliased grey pixels."""

from __future__ import annotations

import numpy as np

_REFERENCE_SIZE = 28


def rasterise(
    points: np.ndarray, pen: np.ndarray, image_size: int
) -> np.ndarray:
    """Draws each path with a round pen, dark on white.

    Every point of a path inks the few pixels around it, and a pixel keeps
    the darkest: as the points lie closer than the pen is wide, this is the
    coverage by the swept pen, at a small part of the cost of a distance
    field.

    Args:
        points: [drawings, points, 2], (x, y) in the unit square, y down.
        pen: half width of each drawing's pen, [drawings], in units of 1/28.
        image_size: height and width of the images.

    Returns:
        uint8 [drawings, image_size, image_size], 0 ink and 255 paper.
    """
    radius = pen * (image_size / _REFERENCE_SIZE)
    reach = int(np.ceil(radius.max() + 0.5))
    position = points * image_size - 0.5
    nearest = np.rint(position).astype(np.int64)
    steps = np.arange(-reach, reach + 1)
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    pixels = nearest[:, :, np.newaxis] + offsets
    distance = np.linalg.norm(pixels - position[:, :, np.newaxis], axis=-1)
    limit = radius[:, np.newaxis, np.newaxis]
    ink = np.clip(np.minimum(limit + 0.5 - distance, 2 * limit), 0.0, 1.0)
    return _darkest(pixels, ink, image_size)


def _darkest(
    pixels: np.ndarray, ink: np.ndarray, image_size: int
) -> np.ndarray:
    drawings = len(pixels)
    inside = ((pixels >= 0) & (pixels < image_size)).all(-1) & (ink > 0)
    x, y = np.where(inside[..., np.newaxis], pixels, 0).transpose(3, 0, 1, 2)
    drawing = np.arange(drawings)[:, np.newaxis, np.newaxis]
    flat = (drawing * image_size + y) * image_size + x
    coverage = np.zeros(drawings * image_size * image_size)
    np.maximum.at(coverage, flat[inside], ink[inside])
    grey = np.rint(255.0 * (1.0 - coverage)).astype(np.uint8)
    return grey.reshape(drawings, image_size, image_size)
