"""Confusion matrix: which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.errors import MetazooError
from metazoo.plots.style import INK, new_axes, new_figure, set_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_confusion(
    counts: Any,
    class_names: Sequence[str],
    max_classes: int = 20,
    title: str | None = None,
) -> Figure:
    """Draws counts of true (rows) against predicted (columns) classes.

    Args:
        counts: int [classes, classes], as
            `metazoo.metrics.episodes.confusion_matrix` gives.
        class_names: a name for each class.
        max_classes: where there are more, only those with most confusions
            are drawn.
        title: title; by default it says which classes are drawn.

    Returns:
        The figure.

    Raises:
        MetazooError: the matrix is not square or does not fit the names.
        ImportError: matplotlib is not installed.
    """
    counts = np.asarray(counts)
    if counts.shape != (len(class_names), len(class_names)):
        raise MetazooError(
            f"counts has shape {counts.shape}; expected a square matrix for "
            f"the {len(class_names)} class_names."
        )
    shown = most_confused(counts, max_classes)
    part = counts[np.ix_(shown, shown)]
    if title is None:
        title = "Confusions"
        if len(shown) < len(counts):
            title += f" among the {len(shown)} most mistaken classes"
    side = 2.6 + 0.36 * len(shown)
    figure = new_figure(side + 0.6, side)
    axes = new_axes(figure)
    _matrix(axes, part)
    names = [class_names[i] for i in shown]
    axes.set_xticks(range(len(shown)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(shown)), names)
    axes.tick_params(labelsize=7.5)
    set_labels(axes, title, "predicted", "true")
    figure.tight_layout()
    return figure


def most_confused(counts: np.ndarray, max_classes: int) -> np.ndarray:
    """Classes with most confusions, as true or as predicted class.

    Args:
        counts: int [classes, classes].
        max_classes: how many at most.

    Returns:
        int64 indices, rising.
    """
    wrong = counts - np.diag(np.diag(counts))
    mistakes = wrong.sum(0) + wrong.sum(1)
    order = np.argsort(-mistakes, kind="stable")
    return np.sort(order[:max_classes])


def _matrix(axes: Axes, part: np.ndarray) -> None:
    # Mistakes are few beside the diagonal, so each row is scaled by itself.
    total = np.maximum(part.sum(1, keepdims=True), 1)
    axes.imshow(part / total, cmap="Blues", vmin=0, vmax=1)
    axes.grid(False)
    for row, column in zip(*np.nonzero(part), strict=True):
        dark = part[row, column] > 0.5 * total[row, 0]
        axes.text(
            column,
            row,
            str(part[row, column]),
            ha="center",
            va="center",
            fontsize=7,
            color="white" if dark else INK,
        )
