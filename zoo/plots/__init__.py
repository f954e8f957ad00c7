"""Plots of evaluations and episodes; needs the `plots` extra.

Every function returns a `matplotlib.figure.Figure` of its own: neither
`pyplot` nor any global setting of matplotlib is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metazoo._lazy import resolve as _resolve

if TYPE_CHECKING:
    from metazoo.plots.cluster_picture import plot_clusters
    from metazoo.plots.confusion import plot_confusion
    from metazoo.plots.curves import plot_shots_curve, plot_ways_curve
    from metazoo.plots.episode_picture import draw_episode
    from metazoo.plots.evaluation_plots import save_evaluation_plots
    from metazoo.plots.reliability_plot import plot_reliability
    from metazoo.plots.style import save_figure

_NAMES = {
    "draw_episode": "metazoo.plots.episode_picture",
    "plot_clusters": "metazoo.plots.cluster_picture",
    "plot_confusion": "metazoo.plots.confusion",
    "plot_reliability": "metazoo.plots.reliability_plot",
    "plot_shots_curve": "metazoo.plots.curves",
    "plot_ways_curve": "metazoo.plots.curves",
    "save_evaluation_plots": "metazoo.plots.evaluation_plots",
    "save_figure": "metazoo.plots.style",
}

__all__ = [
    "draw_episode",
    "plot_clusters",
    "plot_confusion",
    "plot_reliability",
    "plot_shots_curve",
    "plot_ways_curve",
    "save_evaluation_plots",
    "save_figure",
]


def __getattr__(name: str) -> Any:
    found = _resolve(__name__, name, _NAMES)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
