"""Accuracy of several systems side by side, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metazoo.errors import MetazooError
from metazoo.plots.style import (
    FAINT,
    MUTED,
    PAGE,
    class_colour,
    new_axes,
    new_figure,
    set_labels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from metazoo.comparison import Comparison

_LINE_INCHES = 0.32
_PANEL_INCHES = 2.6


def plot_comparison(found: Comparison) -> Figure:
    """Draws a panel for each setting, a line for each system.

    A hollow mark is a system whose queries see each other.

    Args:
        found: what `metazoo.comparison.compare` gave.

    Returns:
        The figure.

    Raises:
        MetazooError: nothing was measured.
        ImportError: matplotlib is not installed.
    """
    if not found.records:
        raise MetazooError("a comparison without a measurement has no plot.")
    panels = len(found.settings)
    names = 0.9 + 0.075 * max(len(name) for name in found.systems)
    width = names + _PANEL_INCHES * panels + 0.2
    height = 1.5 + _LINE_INCHES * len(found.systems)
    figure = new_figure(width, height)
    grid = figure.add_gridspec(1, panels)
    for number, setting in enumerate(found.settings):
        axes = new_axes(figure, grid[number])
        _panel(axes, found, setting)
        axes.tick_params(labelleft=number == 0)
    figure.text(
        names / width,
        0.12 / height,
        "bars: 95 % interval over the same episodes; hollow: queries see "
        "each other",
        color=MUTED,
        fontsize=8,
    )
    figure.subplots_adjust(
        left=names / width,
        right=1 - 0.2 / width,
        top=1 - 0.4 / height,
        bottom=0.75 / height,
        wspace=0.12,
    )
    return figure


def _panel(axes: Axes, found: Comparison, setting: tuple[int, int]) -> None:
    for place, system in enumerate(found.systems):
        one = found.record(system, setting)
        if one is None:
            _say_nothing(axes, place)
            continue
        colour = class_colour(place)
        axes.errorbar(
            100 * one["accuracy"],
            place,
            xerr=100 * one["ci95"],
            fmt="o",
            color=colour,
            markerfacecolor=PAGE if one["transductive"] else colour,
            markersize=6,
            capsize=3,
        )
    axes.set_ylim(len(found.systems) - 0.5, -0.5)
    axes.set_yticks(range(len(found.systems)), found.systems)
    axes.grid(axis="x", color=FAINT)
    axes.margins(x=0.12)
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, 0), min(high, 100.4))
    axes.locator_params(axis="x", nbins=5)
    ways, shots = setting
    set_labels(axes, f"{ways}-way {shots}-shot", "accuracy, %", "")


def _say_nothing(axes: Axes, place: int) -> None:
    """Marks a line without a measurement, in the middle of the panel."""
    axes.text(
        0.5,
        place,
        "not measured",
        transform=axes.get_yaxis_transform(),
        ha="center",
        va="center",
        color=MUTED,
        fontsize=8,
        bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 2},
    )
