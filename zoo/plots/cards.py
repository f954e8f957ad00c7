"""Draws image cards, bars and marks on one canvas, y pointing down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metazoo.plots.style import FAINT, INK, class_colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROUND = 0.09
_PAPER = np.array([255, 255, 255], np.float32)
_DARK = np.array([30, 40, 66], np.float32)
_MARGIN = 0.4
# Thin strokes of small images look pale when they are enlarged.
_INK_GAIN = 1.3


class Cards:
    """A canvas measured in cards: the side of a card is 1."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        """Fills a figure with one canvas.

        Args:
            figure: the figure.
            width: of the content, in cards.
            height: of the content, in cards.
        """
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(-_MARGIN, width + _MARGIN)
        axes.set_ylim(height + 0.1, -_MARGIN)
        axes.set_aspect("equal")
        axes.axis("off")
        self._axes = axes

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 9.5,
        colour: str = INK,
        align: str = "right",
        bold: bool = False,
    ) -> None:
        """Writes text, centred vertically.

        Args:
            x: left or right end.
            y: middle.
            text: what to write.
            size: in points.
            colour: of the letters.
            align: "left" or "right".
            bold: whether in bold.
        """
        self._axes.text(
            x,
            y,
            text,
            fontsize=size,
            color=colour,
            ha=align,
            va="center",
            weight="bold" if bold else "normal",
        )

    def image(
        self, x: float, y: float, image: np.ndarray, colour: str, line: float
    ) -> None:
        """Draws an image with a coloured, rounded border.

        Args:
            x: left edge.
            y: upper edge.
            image: float [height, width, 1 or 3], 0 to 255.
            colour: of the border.
            line: width of the border in points.
        """
        from matplotlib.patches import FancyBboxPatch

        frame = FancyBboxPatch(
            (x, y),
            1.0,
            1.0,
            boxstyle=f"round,pad=0,rounding_size={_ROUND}",
            facecolor="white",
            edgecolor=colour,
            linewidth=line,
            zorder=2,
        )
        self._axes.add_patch(frame)
        drawn = self._axes.imshow(
            _tinted(image),
            extent=(x + 0.06, x + 0.94, y + 0.94, y + 0.06),
            interpolation="bicubic",
            zorder=3,
        )
        drawn.set_clip_path(frame)

    def bar(
        self, x: float, y: float, height: float, shares: np.ndarray
    ) -> None:
        """Draws a bar of length 1, divided among the classes.

        Args:
            x: left end.
            y: upper edge.
            height: of the bar.
            shares: float [ways], adding up to 1.
        """
        from matplotlib.patches import FancyBboxPatch, Rectangle

        outline = FancyBboxPatch(
            (x, y),
            1.0,
            height,
            boxstyle=f"round,pad=0,rounding_size={height / 2}",
            facecolor=FAINT,
            edgecolor="none",
            zorder=2,
        )
        self._axes.add_patch(outline)
        start = x
        for label in np.argsort(-shares, kind="stable"):
            part = Rectangle(
                (start, y),
                float(shares[label]),
                height,
                facecolor=class_colour(int(label)),
                edgecolor="none",
                zorder=3,
            )
            self._axes.add_patch(part)
            part.set_clip_path(outline)
            start += float(shares[label])

    def mark(self, x: float, y: float, correct: bool, colour: str) -> None:
        """Draws a tick or a cross on a disc.

        Args:
            x: centre.
            y: centre.
            correct: whether a tick.
            colour: of the disc.
        """
        from matplotlib.patches import Circle

        disc = Circle(
            (x, y),
            0.135,
            facecolor=colour,
            edgecolor="white",
            linewidth=1.5,
            zorder=5,
        )
        self._axes.add_patch(disc)
        strokes = (
            [([-0.06, -0.015, 0.07], [0.005, 0.055, -0.05])]
            if correct
            else [
                ([-0.05, 0.05], [-0.05, 0.05]),
                ([-0.05, 0.05], [0.05, -0.05]),
            ]
        )
        for dx, dy in strokes:
            self._axes.plot(
                np.add(x, dx),
                np.add(y, dy),
                color="white",
                linewidth=2.0,
                solid_capstyle="round",
                zorder=6,
            )


def _tinted(image: np.ndarray) -> np.ndarray:
    """Grey pixels become blue-black ink on white paper; colours stay."""
    if image.shape[-1] == 3:
        return np.clip(image, 0, 255).astype(np.uint8)
    ink = np.clip(_INK_GAIN * (1.0 - np.clip(image, 0, 255) / 255.0), 0, 1)
    paper = 1.0 - ink
    return (_DARK + (_PAPER - _DARK) * paper).astype(np.uint8)
