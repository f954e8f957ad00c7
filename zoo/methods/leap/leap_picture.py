"""A picture of how fast new tasks are learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from metazoo.plots.style import class_colour, new_axes, new_figure, set_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_training_curves(
    curves: Mapping[str, np.ndarray], title: str
) -> Figure:
    """Draws the mean loss of each step, with its 95 % interval over tasks.

    Args:
        curves: name to losses [tasks, steps].
        title: above the picture.

    Returns:
        The figure.
    """
    figure = new_figure(6.6, 4.4)
    axes = new_axes(figure)
    for index, (name, losses) in enumerate(curves.items()):
        mean = losses.mean(0)
        half = 1.96 * losses.std(0, ddof=1) / np.sqrt(len(losses))
        steps = np.arange(1, losses.shape[1] + 1)
        colour = class_colour(index)
        axes.fill_between(
            steps, mean - half, mean + half, color=colour, alpha=0.15, lw=0
        )
        axes.plot(steps, mean, color=colour, label=name)
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False, labelcolor="linecolor", fontsize=9)
    set_labels(axes, title, "gradient step", "training loss of the mini-batch")
    figure.subplots_adjust(left=0.1, right=0.97, top=0.91, bottom=0.13)
    return figure
