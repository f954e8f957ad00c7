"""Texts with their words shaded by how much attention they get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from metazoo.errors import MetazooError
from metazoo.plots.style import INK, MUTED, RIGHT, WRONG, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHADE = "#f08a3c"
_FONT = 8.5
# Of DejaVu Sans Mono, in shares of the font's size.
_CHARACTER = 0.602
_WIDTH, _MARGIN, _LINE = 10.0, 0.25, 0.21
_LONGEST = 24


class AttendedText(NamedTuple):
    """A text and where the attention of its task lies.

    Attributes:
        words: its words, in order.
        shares: of each word; they sum to 1, or to less.
        title: what stands above it.
        right: whether the prediction was right.
    """

    words: Sequence[str]
    shares: Sequence[float]
    title: str
    right: bool


def plot_attention(
    texts: Sequence[AttendedText], title: str, max_lines: int = 6
) -> Figure:
    """Draws texts one below the other; the darker a word, the larger.

    Shades are relative to the largest share of a text.

    Args:
        texts: one or more.
        title: title of the figure.
        max_lines: of each text; the rest is left out, and said so.

    Returns:
        The figure.

    Raises:
        MetazooError: there is no text, or words and shares differ in number.
        ImportError: matplotlib is not installed.
    """
    if not texts:
        raise MetazooError("texts is empty; there is nothing to draw.")
    for number, text in enumerate(texts):
        if len(text.words) != len(text.shares):
            raise MetazooError(
                f"texts[{number}] has {len(text.words)} words and "
                f"{len(text.shares)} shares."
            )
    columns = int((_WIDTH - 2 * _MARGIN) * 72 / (_FONT * _CHARACTER))
    layouts = [_lines(text, columns) for text in texts]
    shown = [layout[:max_lines] for layout in layouts]
    height = 0.7 + sum(_LINE * (len(lines) + 1.7) for lines in shown)
    figure = new_figure(_WIDTH, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, _WIDTH), ylim=(height, 0))
    axes.axis("off")
    axes.text(_MARGIN, 0.35, title, color=INK, weight="bold", fontsize=12)
    y = 0.75
    for text, lines, whole in zip(texts, shown, layouts, strict=True):
        cut = " ..." if len(whole) > len(lines) else ""
        y = _draw(axes, text, lines, y, cut)
    return figure


def _lines(text: AttendedText, columns: int) -> list[list[tuple[int, int]]]:
    """Places of the words: for each line, pairs of word and column."""
    lines: list[list[tuple[int, int]]] = [[]]
    column = 0
    for number, word in enumerate(text.words):
        length = len(_short(word))
        if column and column + length > columns:
            lines.append([])
            column = 0
        lines[-1].append((number, column))
        column += length + 1
    return lines


def _draw(
    axes: Axes,
    text: AttendedText,
    lines: list[list[tuple[int, int]]],
    y: float,
    cut: str,
) -> float:
    largest = max([*map(abs, text.shares), 1e-9])
    colour = RIGHT if text.right else WRONG
    axes.text(_MARGIN, y, text.title + cut, color=colour, fontsize=9)
    step = _FONT * _CHARACTER / 72
    for line in lines:
        y += _LINE
        for number, column in line:
            word = _short(text.words[number])
            share = abs(text.shares[number]) / largest
            x = _MARGIN + column * step
            axes.fill_between(
                [x, x + len(word) * step],
                y - 0.14,
                y + 0.05,
                color=_SHADE,
                alpha=0.85 * share,
                linewidth=0,
            )
            axes.text(
                x,
                y,
                word,
                color=INK if share > 0.1 else MUTED,
                fontsize=_FONT,
                family="DejaVu Sans Mono",
                parse_math=False,
            )
    return y + 1.7 * _LINE


def _short(word: str) -> str:
    return word if len(word) <= _LONGEST else word[: _LONGEST - 1] + "…"
