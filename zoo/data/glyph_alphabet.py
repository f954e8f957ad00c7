"""Glyphs: the characters of one alphabet, no two of them alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from metazoo.data.glyph_motor import ideal_path
from metazoo.data.glyph_strokes import draw_character, draw_radical
from metazoo.data.glyph_style import draw_style

STYLE, RADICAL, CHARACTER = range(3)

_MAX_LIKENESS = 0.8
_MAX_ATTEMPTS = 30
_GRID = 12


def draw_characters(
    generator: Callable[..., np.random.Generator],
) -> Iterator[np.ndarray]:
    """Draws the ideal forms of an alphabet's characters, without end.

    A form too much like an earlier one is drawn anew, up to 30 times, after
    which the least alike of them is taken.

    Args:
        generator: maps integers (what, number, attempt) to a generator of
            random numbers that is theirs alone.

    Yields:
        Control points [strokes, controls, 2] of `draw_character`.
    """
    style = draw_style(generator(STYLE))
    radicals = [
        draw_radical(generator(RADICAL, index), style)
        for index in range(style.num_radicals)
    ]
    earlier: list[np.ndarray] = []
    for index in itertools.count():
        attempts = (
            draw_character(generator(CHARACTER, index, number), style, radicals)
            for number in range(_MAX_ATTEMPTS)
        )
        strokes, shadow = _first_unlike(attempts, earlier)
        earlier.append(shadow)
        yield strokes


def _first_unlike(
    attempts: Iterable[np.ndarray], earlier: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first form unlike all earlier ones, or the least alike."""
    tried = []
    for strokes in attempts:
        shadow = _shadow(strokes)
        likeness = max((float(shadow @ s) for s in earlier), default=0.0)
        if likeness < _MAX_LIKENESS:
            return strokes, shadow
        tried.append((likeness, strokes, shadow))
    _, strokes, shadow = min(tried, key=lambda attempt: attempt[0])
    return strokes, shadow


def _shadow(strokes: np.ndarray) -> np.ndarray:
    """A blurred coarse image as a vector of length 1; a dot product compares.

    Each point of the form adds a Gaussian bump to a coarse grid.
    """
    points = ideal_path(strokes)[::4]
    places = np.linspace(-0.55, 0.55, _GRID)
    bumps = np.exp(-(((points[:, :, np.newaxis] - places) / 0.08) ** 2))
    image = np.einsum("px,py->xy", bumps[:, 0], bumps[:, 1]).ravel()
    image = np.minimum(image, 1.5)
    return image / np.linalg.norm(image)
