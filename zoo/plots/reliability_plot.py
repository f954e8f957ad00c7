"""Reliability diagram: is a confidence of 90 % right nine times in ten?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metazoo.plots.style import (
    CLASS_COLOURS,
    FAINT,
    MUTED,
    new_axes,
    new_figure,
    set_labels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from metazoo.metrics.episodes import Reliability


def plot_reliability(found: Reliability) -> Figure:
    """Draws accuracy against confidence, and how often each occurs.

    Args:
        found: what `metazoo.metrics.episodes.reliability` gave.

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = new_figure(5.2, 5.8)
    grid = figure.add_gridspec(2, 1, height_ratios=(4, 1), hspace=0.12)
    upper = new_axes(figure, grid[0])
    _calibration(upper, found)
    lower = new_axes(figure, grid[1])
    _histogram(lower, found)
    upper.tick_params(labelbottom=False)
    set_labels(
        upper, f"Calibration error {found.ece:.3f}", "", "share that is right"
    )
    set_labels(lower, "", "confidence", "queries")
    figure.subplots_adjust(left=0.14, right=0.96, top=0.93, bottom=0.09)
    return figure


def _calibration(axes: Axes, found: Reliability) -> None:
    filled = found.counts > 0
    width = found.edges[1] - found.edges[0]
    centres = found.edges[:-1] + width / 2
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=(0, (4, 4)), linewidth=1)
    axes.bar(
        centres[filled],
        found.accuracy[filled],
        width=0.92 * width,
        color=CLASS_COLOURS[0],
        alpha=0.85,
    )
    axes.scatter(
        found.confidence[filled],
        found.accuracy[filled],
        color=CLASS_COLOURS[1],
        s=18,
        zorder=3,
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)


def _histogram(axes: Axes, found: Reliability) -> None:
    width = found.edges[1] - found.edges[0]
    axes.bar(
        found.edges[:-1] + width / 2,
        found.counts,
        width=0.92 * width,
        color=MUTED,
    )
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(0, 3 * max(10, int(np.max(found.counts))))
    axes.set_xlim(0, 1)
    axes.grid(axis="y", color=FAINT)
