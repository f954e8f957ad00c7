"""A picture of one episode: what was shown, asked and answered."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.errors import EpisodeError
from metazoo.plots.cards import Cards
from metazoo.plots.style import (
    MUTED,
    RIGHT,
    WRONG,
    class_colour,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In units of the side of one card.
_GAP = 0.16
_BAR = 0.1
_ROW = 1.0 + _GAP + _BAR + 0.16
_GUTTER = 0.75
_TOP = 1.2
_HEADS = 1.0


@dataclasses.dataclass(frozen=True)
class _Task:
    """The arrays of one task, checked."""

    support_x: np.ndarray
    support_y: np.ndarray
    query_x: np.ndarray
    query_y: np.ndarray
    probabilities: np.ndarray

    @property
    def ways(self) -> int:
        return int(self.support_y.max()) + 1

    @property
    def correct(self) -> np.ndarray:
        return self.probabilities.argmax(-1) == self.query_y


def draw_episode(
    support_x: Any,
    support_y: Any,
    query_x: Any,
    query_y: Any,
    probabilities: Any,
    *,
    title: str | None = None,
    subtitle: str | None = None,
    class_names: Sequence[str] | None = None,
    max_queries: int = 6,
    max_shots: int = 5,
) -> Figure:
    """Draws one task: a row for each class, support left, queries right.

    The border of a query has the colour of the class that was predicted; the
    bar below it is divided by the probabilities of all classes.

    Args:
        support_x: raw pixels [support, height, width, channels], 0 to 255.
        support_y: int [support], labels.
        query_x: raw pixels [query, height, width, channels].
        query_y: int [query], true labels.
        probabilities: float [query, ways].
        title: title; by default the number of right answers.
        subtitle: line below it; by default ways and shots in words.
        class_names: a name for each class, written beside its row.
        max_queries: queries drawn of each class.
        max_shots: support examples drawn of each class.

    Returns:
        The figure.

    Raises:
        EpisodeError: the arrays do not fit each other.
        ImportError: matplotlib is not installed.
    """
    task = _checked(support_x, support_y, query_x, query_y, probabilities)
    shots = min(max_shots, int(np.bincount(task.support_y).max()))
    drawn = min(max_queries, int(np.bincount(task.query_y).max()))
    names = 1.7 if class_names else 0.0
    width = names + shots * (1 + _GAP) + _GUTTER + drawn * (1 + _GAP)
    height = _TOP + task.ways * _ROW
    figure = new_figure(width + 0.8, height + 0.5)
    cards = Cards(figure, width, height)
    _header(cards, task, title, subtitle)
    _column_heads(cards, names, names + shots * (1 + _GAP) + _GUTTER)
    for label in range(task.ways):
        y = _TOP + label * _ROW
        if class_names:
            cards.text(names - 0.2, y + 0.5, _wrapped(class_names[label]))
        _support_row(cards, task, label, names, y, shots)
        start = names + shots * (1 + _GAP) + _GUTTER
        _query_row(cards, task, label, start, y, drawn)
    return figure


def _header(
    cards: Cards, task: _Task, title: str | None, subtitle: str | None
) -> None:
    count = f"{int(task.correct.sum())} of {len(task.correct)} right"
    shots = int(np.bincount(task.support_y).max())
    each = "one example" if shots == 1 else f"{shots} examples"
    told = subtitle or f"{task.ways} classes, {each} of each to learn from"
    cards.text(0.0, 0.05, title or count, size=18, align="left", bold=True)
    cards.text(0.0, 0.42, told, size=11.5, colour=MUTED, align="left")


def _column_heads(cards: Cards, left: float, right: float) -> None:
    key = "border: the class it chose   bar: its probabilities"
    for x, words in (
        (left, "LEARNS FROM"),
        (right, "ANSWERS"),
        (right + 0.75, key),
    ):
        cards.text(x, _HEADS, words, size=8.5, colour=MUTED, align="left")


def _support_row(
    cards: Cards, task: _Task, label: int, x: float, y: float, shots: int
) -> None:
    images = task.support_x[task.support_y == label][:shots]
    # Flush right, so that unequal numbers of shots end at the gutter.
    x += (shots - len(images)) * (1 + _GAP)
    for image in images:
        cards.image(x, y, image, class_colour(label), line=4.0)
        x += 1 + _GAP


def _query_row(
    cards: Cards, task: _Task, label: int, x: float, y: float, drawn: int
) -> None:
    chosen = np.flatnonzero(task.query_y == label)[:drawn]
    for index in chosen:
        row = task.probabilities[index]
        correct = bool(task.correct[index])
        predicted = int(row.argmax())
        cards.image(x, y, task.query_x[index], class_colour(predicted), 2.6)
        cards.bar(x, y + 1 + 0.5 * _GAP, _BAR, row)
        cards.mark(x + 0.97, y + 0.03, correct, RIGHT if correct else WRONG)
        x += 1 + _GAP


def _wrapped(name: str) -> str:
    return name.replace("/", "\n").replace("_", " ")


def _checked(
    support_x: Any, support_y: Any, query_x: Any, query_y: Any, rows: Any
) -> _Task:
    task = _Task(
        np.asarray(support_x, np.float32),
        np.asarray(support_y, np.int64),
        np.asarray(query_x, np.float32),
        np.asarray(query_y, np.int64),
        np.asarray(rows, np.float64),
    )
    for name, x, y in (
        ("support", task.support_x, task.support_y),
        ("query", task.query_x, task.query_y),
    ):
        if x.ndim != 4 or x.shape[-1] not in (1, 3) or y.shape != x.shape[:1]:
            raise EpisodeError(
                f"{name}_x and {name}_y have shapes {x.shape} and {y.shape}; "
                "expected [examples, height, width, 1 or 3] and [examples] of "
                "one task."
            )
    if task.probabilities.ndim != 2 or (
        len(task.probabilities) != len(task.query_y)
        or task.probabilities.shape[1] < task.ways
    ):
        raise EpisodeError(
            f"probabilities has shape {task.probabilities.shape}; expected "
            f"({len(task.query_y)}, {task.ways} or more)."
        )
    return task
