"""Glyphs: what a character is, a few strokes of control points."""

from __future__ import annotations

import numpy as np

from metazoo.data.glyph_style import STROKE_KINDS, AlphabetStyle

NUM_CONTROLS = 10
_MAX_STROKES = 6
_TOO_PLAIN_ALONE = ("line", "arc", "loop", "dot")
_T = np.linspace(0.0, 1.0, NUM_CONTROLS)[:, np.newaxis]


def draw_character(
    rng: np.random.Generator, style: AlphabetStyle, radicals: list[np.ndarray]
) -> np.ndarray:
    """Draws the ideal form of one character.

    Args:
        rng: the character's own generator.
        style: of its alphabet.
        radicals: stroke groups of the alphabet, of `draw_radical`.

    Returns:
        Control points [strokes, NUM_CONTROLS, 2], centred on the origin,
        the longer side of the bounding box 1 long.
    """
    number = 1 + min(rng.poisson(style.mean_strokes), _MAX_STROKES - 1)
    if rng.random() < style.radical_rate:
        radical = radicals[rng.integers(len(radicals))]
        own = _draw_group(rng, style, max(1, number - len(radical)))
        strokes = _compose(rng, radical, own)
    else:
        strokes = _draw_group(rng, style, number)
    return _fitted(strokes * [style.aspect, 1.0])


def draw_radical(rng: np.random.Generator, style: AlphabetStyle) -> np.ndarray:
    """Draws a part that several characters of an alphabet share.

    Args:
        rng: the radical's own generator.
        style: of its alphabet.

    Returns:
        Control points [strokes, NUM_CONTROLS, 2] in the unit square.
    """
    return _draw_group(rng, style, int(rng.integers(1, 3)))


def _draw_group(
    rng: np.random.Generator, style: AlphabetStyle, number: int
) -> np.ndarray:
    visits = np.zeros(len(style.anchors))
    strokes: list[np.ndarray] = []
    for index in range(number):
        kind = _draw_kind(rng, style, is_first=index == 0, is_only=number == 1)
        begin, end = _draw_ends(rng, style, visits, strokes)
        strokes.append(_draw_stroke(rng, style, kind, begin, end))
    return np.stack(strokes)


def _draw_kind(
    rng: np.random.Generator,
    style: AlphabetStyle,
    *,
    is_first: bool,
    is_only: bool,
) -> str:
    barred = _TOO_PLAIN_ALONE if is_only else ("dot",) if is_first else ()
    allowed = [kind not in barred for kind in STROKE_KINDS]
    weights = style.kind_weights * allowed
    return str(rng.choice(STROKE_KINDS, p=weights / weights.sum()))


def _draw_ends(
    rng: np.random.Generator,
    style: AlphabetStyle,
    visits: np.ndarray,
    strokes: list[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Picks two anchors well apart, new ones first; counts the visits."""
    fresh = np.exp(-1.5 * visits)
    if strokes and rng.random() < style.connection:
        earlier = strokes[rng.integers(len(strokes))]
        begin = earlier[rng.choice([0, NUM_CONTROLS // 2, -1, -1])]
    else:
        first = rng.choice(len(visits), p=fresh / fresh.sum())
        visits[first] += 1
        begin = style.anchors[first]
    chord = np.abs(style.anchors - begin)
    distance = np.linalg.norm(chord, axis=-1)
    slope = chord.min(-1) / np.maximum(chord.max(-1), 1e-9)
    weights = fresh * np.exp(-0.7 * distance - style.uprightness * slope)
    weights = weights * (distance > 0.3)
    last = rng.choice(len(visits), p=weights / weights.sum())
    visits[last] += 1
    return begin, style.anchors[last]


def _draw_stroke(
    rng: np.random.Generator,
    style: AlphabetStyle,
    kind: str,
    begin: np.ndarray,
    end: np.ndarray,
) -> np.ndarray:
    side = rng.choice([-1.0, 1.0])
    chord = end - begin
    normal = side * np.array([-chord[1], chord[0]])
    bulge = style.bulge * rng.uniform(0.6, 1.3)
    if kind == "line":
        return _bezier(begin, begin + chord / 3, end - chord / 3, end)
    if kind == "arc":
        lift = 1.33 * bulge * normal
        return _bezier(begin, begin + lift, end + lift, end)
    if kind == "wave":
        lift = 1.6 * bulge * normal
        return _bezier(
            begin, begin + chord / 3 + lift, end - chord / 3 - lift, end
        )
    if kind == "bend":
        corner = begin + chord * rng.uniform(0.2, 0.8) + normal * bulge
        return _bend(begin, corner, end, style.roundness)
    if kind == "hook":
        tip = end - 0.15 * chord + 0.45 * bulge * normal
        return _bezier(begin, begin + 0.8 * chord, end + 0.55 * chord, tip)
    if kind == "loop":
        return _loop(rng, begin, end)
    if kind == "curl":
        return _curl(begin, end, normal, rng.uniform(0.14, 0.24))
    return _dot(rng, end)


def _bezier(*points: np.ndarray) -> np.ndarray:
    a, b, c, d = points
    s = 1.0 - _T
    return s**3 * a + 3 * s**2 * _T * b + 3 * s * _T**2 * c + _T**3 * d


def _bend(
    begin: np.ndarray, corner: np.ndarray, end: np.ndarray, roundness: float
) -> np.ndarray:
    half = NUM_CONTROLS // 2
    rising = np.linspace(0.0, 1.0, half, endpoint=False)[:, np.newaxis]
    falling = np.linspace(0.0, 1.0, NUM_CONTROLS - half)[:, np.newaxis]
    sharp = np.concatenate(
        [begin + rising * (corner - begin), corner + falling * (end - corner)]
    )
    pull = begin + (corner - begin) * 1.15, end + (corner - end) * 1.15
    round_ = _bezier(begin, *pull, end)
    return (1.0 - roundness) * sharp + roundness * round_


def _ellipse(
    centre: np.ndarray, radii: np.ndarray, angles: np.ndarray
) -> np.ndarray:
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return centre + radii * circle


def _loop(
    rng: np.random.Generator, begin: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """A nearly closed ellipse that starts at `begin`."""
    size = rng.uniform(0.16, 0.32)
    radii = size * np.array([rng.uniform(0.7, 1.1), rng.uniform(0.8, 1.2)])
    heading = np.arctan2(end[1] - begin[1], end[0] - begin[0])
    centre = begin + radii * [np.cos(heading), np.sin(heading)]
    turn = rng.choice([-1.0, 1.0])
    sweep = np.linspace(0.0, 2 * np.pi, NUM_CONTROLS)
    return _ellipse(centre, radii, heading + np.pi + turn * sweep)


def _curl(
    begin: np.ndarray, end: np.ndarray, normal: np.ndarray, radius: float
) -> np.ndarray:
    """A stroke that ends in a small ring."""
    length = np.linalg.norm(normal)
    side = normal / length
    centre = end + radius * side
    chord = end - begin
    turn = np.sign(chord[0] * side[1] - chord[1] * side[0])
    start = np.arctan2(-side[1], -side[0])
    sweep = np.linspace(0.0, 5.6, 7)
    ring = _ellipse(centre, np.full(2, radius), start + turn * sweep)
    straight = begin + np.array([[0.0], [0.35], [0.7]]) * chord
    return np.concatenate([straight, ring])


def _dot(rng: np.random.Generator, near: np.ndarray) -> np.ndarray:
    centre = near + rng.normal(0.0, 0.08, 2)
    slope = rng.normal(0.0, 0.02, 2)
    return centre + (_T - 0.5) * slope


def _compose(
    rng: np.random.Generator, radical: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Sets the radical beside, above or through the character's own part."""
    place = rng.integers(3)
    if place == 2:
        return np.concatenate([radical, own])
    along = np.array([1.0, 0.0]) if place == 0 else np.array([0.0, 1.0])
    shrink = 1.0 - 0.5 * along
    shift = 0.55 * along
    if rng.random() < 0.5:
        return np.concatenate([radical * shrink, own * shrink + shift])
    return np.concatenate([radical * shrink + shift, own * shrink])


def _fitted(strokes: np.ndarray) -> np.ndarray:
    points = strokes.reshape(-1, 2)
    low, high = points.min(0), points.max(0)
    return (strokes - (low + high) / 2) / max(*(high - low), 0.3)
