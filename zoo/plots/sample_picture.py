"""A picture of what a generative learner draws of new classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.errors import MetazooError
from metazoo.plots.cards import Cards
from metazoo.plots.style import MUTED, class_colour, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In units of the side of one card.
_GAP = 0.16
_GUTTER = 0.75
_TOP = 1.2
_HEADS = 1.0


def plot_samples(
    shown: Any, drawn: Any, title: str, subtitle: str = ""
) -> Figure:
    """Draws a row for each class: its examples left, samples right.

    Args:
        shown: raw pixels [classes, shots, height, width, channels], 0 to
            255; no shots for classes that nobody has seen.
        drawn: raw pixels [classes, samples, height, width, channels].
        title: title of the figure.
        subtitle: line below it.

    Returns:
        The figure.

    Raises:
        MetazooError: the arrays do not fit together.
        ImportError: matplotlib is not installed.
    """
    shown = np.asarray(shown, np.float32)
    drawn = np.asarray(drawn, np.float32)
    _check(shown, drawn)
    classes, shots = shown.shape[:2]
    step = 1 + _GAP
    left = shots * step + _GUTTER if shots else 0.0
    width, height = left + drawn.shape[1] * step, _TOP + classes * step
    figure = new_figure(width + 0.8, height + 0.5)
    cards = Cards(figure, width, height)
    cards.text(0.0, 0.05, title, size=18, align="left", bold=True)
    cards.text(0.0, 0.42, subtitle, size=11.5, colour=MUTED, align="left")
    for x, words in ((0.0, "LEARNS FROM"), (left, "DRAWS")):
        if shots or words == "DRAWS":
            cards.text(x, _HEADS, words, size=8.5, colour=MUTED, align="left")
    for row in range(classes):
        y = _TOP + row * step
        for images, start, line in (
            (shown[row], 0.0, 4.0),
            (drawn[row], left, 1.4),
        ):
            for column, image in enumerate(images):
                x = start + column * step
                cards.image(x, y, image, class_colour(row), line)
    return figure


def _check(shown: np.ndarray, drawn: np.ndarray) -> None:
    fits = (
        shown.ndim == drawn.ndim == 5
        and len(shown) == len(drawn) > 0
        and shown.shape[2:] == drawn.shape[2:]
        and drawn.shape[1] > 0
        and drawn.shape[-1] in (1, 3)
    )
    if not fits:
        raise MetazooError(
            "shown and drawn must be [classes, images, height, width, 1 or "
            f"3] of the same classes; got shapes {shown.shape} and "
            f"{drawn.shape}."
        )
