"""Accuracy against the number of shots and of ways, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from metazoo.errors import MetazooError
from metazoo.plots.style import class_colour, new_axes, new_figure, set_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from metazoo.evaluation import CurvePoint


def plot_shots_curve(points: Sequence[CurvePoint]) -> Figure:
    """Draws accuracy against shots, one line for each number of ways.

    Args:
        points: what `metazoo.evaluation.accuracy_curve` gave.

    Returns:
        The figure.

    Raises:
        MetazooError: there is no point.
        ImportError: matplotlib is not installed.
    """
    return _plot(points, "shots", "ways", "-way")


def plot_ways_curve(points: Sequence[CurvePoint]) -> Figure:
    """Draws accuracy against ways, one line for each number of shots.

    Args:
        points: what `metazoo.evaluation.accuracy_curve` gave.

    Returns:
        The figure.

    Raises:
        MetazooError: there is no point.
        ImportError: matplotlib is not installed.
    """
    return _plot(points, "ways", "shots", "-shot")


def _plot(
    points: Sequence[CurvePoint], along: str, group: str, suffix: str
) -> Figure:
    if not points:
        raise MetazooError("a curve needs one point or more; got none.")
    figure = new_figure(6.2, 4.2)
    axes = new_axes(figure)
    for index, key in enumerate(sorted({getattr(p, group) for p in points})):
        line = sorted(
            (p for p in points if getattr(p, group) == key),
            key=lambda point: getattr(point, along),
        )
        x = [getattr(p, along) for p in line]
        low = [100 * (p.accuracy - p.ci95) for p in line]
        high = [100 * min(1.0, p.accuracy + p.ci95) for p in line]
        colour = class_colour(index)
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        middle = [100 * p.accuracy for p in line]
        label = f"{key}{suffix}"
        axes.plot(x, middle, "o-", color=colour, markersize=4, label=label)
    axes.set_xticks(sorted({getattr(p, along) for p in points}))
    axes.legend(frameon=False, labelcolor="linecolor", fontsize=9)
    set_labels(axes, f"Accuracy by {along}", along, "accuracy, %")
    figure.subplots_adjust(left=0.12, right=0.96, top=0.91, bottom=0.13)
    return figure
