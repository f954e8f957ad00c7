"""A picture of which learner is trusted on which kind of task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from metazoo.plots.style import INK, PAGE, new_axes, new_figure, set_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_trust(
    trust: Mapping[str, np.ndarray], learners: Sequence[str]
) -> Figure:
    """Draws mean trusts as a table of shades.

    Args:
        trust: domain of the tasks to mean trust [learners].
        learners: their names.

    Returns:
        The figure.
    """
    values = np.stack(list(trust.values()))
    figure = new_figure(1.9 + 1.1 * len(learners), 1.6 + 0.6 * len(trust))
    axes = new_axes(figure)
    axes.grid(False)
    axes.imshow(values, cmap="Blues", vmin=0.0, aspect="auto")
    axes.set_xticks(range(len(learners)), learners)
    axes.set_yticks(range(len(trust)), list(trust))
    dark = 0.6 * values.max()
    for (row, column), value in np.ndenumerate(values):
        axes.text(
            column,
            row,
            f"{value:.2f}",
            ha="center",
            va="center",
            color=PAGE if value > dark else INK,
        )
    set_labels(axes, "Mean trust", "learner", "tasks of")
    figure.tight_layout()
    return figure
