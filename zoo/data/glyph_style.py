"""Glyphs: the traits that make the characters of one alphabet look alike."""

from __future__ import annotations

import dataclasses

import numpy as np

STROKE_KINDS = ("line", "arc", "bend", "wave", "hook", "loop", "curl", "dot")

# Mixtures of stroke kinds that scripts lean to; an alphabet blends two.
_LEANINGS = np.array(
    [
        # line arc  bend wave hook loop curl dot
        [6.0, 1.0, 4.0, 0.2, 0.2, 0.3, 0.1, 0.4],  # carved, straight
        [1.0, 6.0, 0.5, 2.0, 1.0, 1.5, 1.0, 0.3],  # round
        [1.5, 2.0, 0.5, 3.0, 3.0, 0.5, 2.0, 1.2],  # flowing
        [4.0, 2.0, 1.0, 0.3, 1.5, 1.5, 0.3, 0.3],  # stems and bowls
        [3.0, 1.5, 3.0, 0.5, 1.0, 0.5, 0.5, 2.0],  # dotted
    ]
)


@dataclasses.dataclass(frozen=True)
class AlphabetStyle:
    """Preferences that all characters of an alphabet share.

    Attributes:
        kind_weights: probability of each of `STROKE_KINDS`, float [kinds].
        mean_strokes: strokes a character beyond the first, Poisson mean.
        bulge: how far arcs leave their chord, in chord lengths.
        roundness: 0 draws corners sharp, 1 draws them round.
        anchors: points that strokes start and end on, [points, 2] in the
            unit square, y downwards.
        uprightness: how much strokes keep to rows and columns, 0 not at all.
        connection: probability that a stroke starts on an earlier one.
        aspect: width over height of the usual character.
        radical_rate: probability that a character holds a shared radical.
        num_radicals: how many radicals the alphabet has.
    """

    kind_weights: np.ndarray
    mean_strokes: float
    bulge: float
    roundness: float
    anchors: np.ndarray
    uprightness: float
    connection: float
    aspect: float
    radical_rate: float
    num_radicals: int


def draw_style(rng: np.random.Generator) -> AlphabetStyle:
    """Draws the style of one alphabet.

    Args:
        rng: the alphabet's own generator.
    """
    blend = rng.dirichlet([0.5] * len(_LEANINGS))
    weights = blend @ (_LEANINGS / _LEANINGS.sum(1, keepdims=True))
    weights = weights * rng.gamma(3.0, 1.0, len(weights))
    return AlphabetStyle(
        kind_weights=weights / weights.sum(),
        mean_strokes=rng.uniform(1.1, 2.6),
        bulge=rng.uniform(0.25, 0.6),
        roundness=rng.uniform(0.0, 1.0),
        anchors=_draw_anchors(rng),
        uprightness=rng.uniform(0.0, 4.0),
        connection=rng.uniform(0.65, 0.98),
        aspect=rng.uniform(0.75, 1.15),
        radical_rate=rng.uniform(0.0, 0.6),
        num_radicals=int(rng.integers(2, 5)),
    )


def _draw_anchors(rng: np.random.Generator) -> np.ndarray:
    columns, rows = rng.integers(2, 4), rng.integers(3, 5)
    x, y = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    grid = np.stack([x.ravel(), y.ravel()], axis=-1)
    return grid + rng.normal(0.0, 0.03, grid.shape)
