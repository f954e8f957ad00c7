"""Plots of evaluations and episodes; needs the `plots` extra.

Every function returns a `matplotlib.figure.Figure` of its own: neither
`pyplot` nor any global setting of matplotlib is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metazoo._lazy import lazy as _lazy

if TYPE_CHECKING:
    from metazoo.plots.cluster_picture import plot_clusters
    from metazoo.plots.comparison_plot import plot_comparison
    from metazoo.plots.confusion import plot_confusion
    from metazoo.plots.curves import plot_shots_curve, plot_ways_curve
    from metazoo.plots.episode_picture import draw_episode
    from metazoo.plots.evaluation_plots import save_evaluation_plots
    from metazoo.plots.reliability_plot import plot_reliability
    from metazoo.plots.sample_picture import plot_samples
    from metazoo.plots.style import save_figure

__all__ = [
    "draw_episode",
    "plot_clusters",
    "plot_comparison",
    "plot_confusion",
    "plot_reliability",
    "plot_samples",
    "plot_shots_curve",
    "plot_ways_curve",
    "save_evaluation_plots",
    "save_figure",
]

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "cluster_picture": "plot_clusters",
        "comparison_plot": "plot_comparison",
        "confusion": "plot_confusion",
        "curves": "plot_shots_curve plot_ways_curve",
        "episode_picture": "draw_episode",
        "evaluation_plots": "save_evaluation_plots",
        "reliability_plot": "plot_reliability",
        "sample_picture": "plot_samples",
        "style": "save_figure",
    },
)
