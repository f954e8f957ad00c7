"""Glyphs: how a hand draws a character, a little different every time."""

from __future__ import annotations

import numpy as np

from metazoo.data.glyph_strokes import NUM_CONTROLS

NUM_WRITER_NUMBERS = 5
_NUM_GLOBAL_NUMBERS = 7
_NUM_STROKE_NUMBERS = 8
_POINTS_PER_STROKE = 56

_MARGIN = 0.06


def num_example_numbers(num_strokes: int) -> int:
    """Random numbers that one drawing of a character takes."""
    return _NUM_GLOBAL_NUMBERS + num_strokes * _NUM_STROKE_NUMBERS


def ideal_path(strokes: np.ndarray) -> np.ndarray:
    """Returns the curve [points, 2] of a form, without any noise."""
    return (_SPLINE @ strokes).reshape(-1, 2)


def draw_paths(
    strokes: np.ndarray, writers: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draws one character by several hands.

    Args:
        strokes: control points of the ideal form, [strokes, controls, 2].
        writers: each hand's habits in the alphabet, standard normal
            [drawings, NUM_WRITER_NUMBERS].
        numbers: this drawing's own noise, standard normal [drawings,
            num_example_numbers(strokes)].

    Returns:
        (points, pen): the pen's path [drawings, points, 2] in the unit
        square, and its half width [drawings] in units of 1/28.
    """
    wide = numbers[:, _NUM_GLOBAL_NUMBERS:].reshape(
        len(numbers), len(strokes), _NUM_STROKE_NUMBERS
    )
    controls = strokes + _stroke_noise(wide)
    path = _SPLINE @ controls
    points = path.reshape(len(numbers), -1, 2)
    points = _place(points, writers, numbers[:, :_NUM_GLOBAL_NUMBERS])
    pen = 0.62 * np.exp(0.08 * writers[:, 4] + 0.04 * numbers[:, 6])
    return points, np.clip(pen, 0.45, 0.9)


def _stroke_noise(numbers: np.ndarray) -> np.ndarray:
    """Shifts, stretches, bows and wobbles each stroke as a smooth curve."""
    scale = np.array([0.022, 0.028, 0.022, 0.012])
    coefficients = numbers.reshape(*numbers.shape[:2], 4, 2)
    coefficients = coefficients * scale[:, np.newaxis]
    return np.einsum("ck,dsca->dska", _SMOOTH, coefficients)


def _place(
    points: np.ndarray, writers: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
    """Turns, slants, scales and moves each drawing on the paper."""
    turn = 0.05 * writers[:, 0] + 0.06 * numbers[:, 0]
    slant = 0.10 * writers[:, 1] + 0.06 * numbers[:, 1]
    stretch = 0.08 * writers[:, 2] + 0.06 * numbers[:, 2]
    size = 0.63 * np.exp(0.12 * writers[:, 3] + 0.07 * numbers[:, 3])
    cos, sin = np.cos(turn), np.sin(turn)
    x_scale, y_scale = size * np.exp(stretch), size * np.exp(-stretch)
    matrix = np.empty((len(points), 2, 2))
    matrix[:, 0, 0] = cos * x_scale
    matrix[:, 0, 1] = (-sin - slant * cos) * y_scale
    matrix[:, 1, 0] = sin * x_scale
    matrix[:, 1, 1] = (cos - slant * sin) * y_scale
    turned = np.einsum("dab,dpb->dpa", matrix, points)
    return _kept_on_paper(turned, 0.06 * numbers[:, np.newaxis, 4:6])


def _kept_on_paper(points: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Shrinks a drawing that is too large and moves it within the margin."""
    room = 1.0 - 2.0 * _MARGIN
    low = points.min(1, keepdims=True)
    high = points.max(1, keepdims=True)
    largest = (high - low).max(2, keepdims=True)
    factor = np.minimum(1.0, room / largest)
    half = factor * (high - low) / 2
    centre = np.clip(0.5 + shift, _MARGIN + half, 1.0 - _MARGIN - half)
    return (points - (low + high) / 2) * factor + centre


def _spline_matrix() -> np.ndarray:
    """Linear map from control points to a dense Catmull-Rom curve.

    Source: Catmull and Rom, A class of local interpolating splines (1974);
    the end tangents are those of the end chords.
    """
    place = np.linspace(0.0, NUM_CONTROLS - 1, _POINTS_PER_STROKE)
    left = np.minimum(place.astype(int), NUM_CONTROLS - 2)
    t = (place - left)[:, np.newaxis]
    basis = 0.5 * np.concatenate(
        [
            -t + 2 * t**2 - t**3,
            2 - 5 * t**2 + 3 * t**3,
            t + 4 * t**2 - 3 * t**3,
            -(t**2) + t**3,
        ],
        axis=1,
    )
    matrix = np.zeros((_POINTS_PER_STROKE, NUM_CONTROLS))
    rows = np.arange(_POINTS_PER_STROKE)
    for offset in range(4):
        column = np.clip(left + offset - 1, 0, NUM_CONTROLS - 1)
        np.add.at(matrix, (rows, column), basis[:, offset])
    return matrix


def _smooth_basis() -> np.ndarray:
    """Legendre polynomials of degree 0 to 3 at the control points."""
    t = np.linspace(-1.0, 1.0, NUM_CONTROLS)
    return np.polynomial.legendre.legvander(t, 3).T


_SPLINE = _spline_matrix()
_SMOOTH = _smooth_basis()
