"""The clusters of one class or set: where they lie, and who is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.errors import MetazooError
from metazoo.plots.style import (
    FAINT,
    INK,
    MUTED,
    class_colour,
    new_axes,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Clusters below each other, and examples shown of clusters in one, two or
# more columns of them.
_MAX_ROWS = 13
_SHOWN = (10, 5, 3)
# Room for a cluster's size, left of its examples.
_LABEL = 1.6


def plot_clusters(
    images: Any,
    embeddings: Any,
    means: Any,
    assignment: Any,
    title: str = "Clusters",
    value_range: Sequence[float] = (0, 255),
) -> Figure:
    """Draws clusters as a map of their examples and as rows of them.

    The map shows the two main directions of the embeddings (principal
    components); a cross is the mean of a cluster.

    Args:
        images: [examples, height, width, channels], 1 or 3 channels.
        embeddings: float [examples, embedding].
        means: float [clusters, embedding].
        assignment: int [examples], cluster of each example.
        title: title of the figure.
        value_range: (low, high) of the images' values.

    Returns:
        The figure.

    Raises:
        MetazooError: the arrays do not fit together.
        ImportError: matplotlib is not installed.
    """
    images, embeddings = np.asarray(images), np.asarray(embeddings)
    means, assignment = np.asarray(means), np.asarray(assignment)
    _check(images, embeddings, means, assignment)
    order = np.argsort(-np.bincount(assignment, minlength=len(means)))
    shown = [c for c in order if (assignment == c).any()]
    rows = min(len(shown), _MAX_ROWS)
    figure = new_figure(11.0, max(4.0, 0.42 * rows + 1.0))
    grid = figure.add_gridspec(1, 2, width_ratios=(1.15, 1.0), wspace=0.08)
    figure.subplots_adjust(left=0.04, right=0.98, bottom=0.07, top=0.9)
    pictures = _as_pictures(images, value_range)
    _map(new_axes(figure, grid[0]), pictures, embeddings, means, assignment)
    _rows(new_axes(figure, grid[1]), pictures, assignment, shown)
    figure.suptitle(title, x=0.06, ha="left", color=INK, weight="bold")
    return figure


def _check(
    images: np.ndarray,
    embeddings: np.ndarray,
    means: np.ndarray,
    assignment: np.ndarray,
) -> None:
    count = len(images)
    fits = (
        images.ndim == 4
        and images.shape[-1] in (1, 3)
        and embeddings.shape == (count, means.shape[-1])
        and assignment.shape == (count,)
        and count > 0
    )
    if not fits:
        raise MetazooError(
            "images [examples, height, width, 1 or 3], embeddings [examples, "
            "embedding], means [clusters, embedding] and assignment "
            f"[examples] must fit; got shapes {images.shape}, "
            f"{embeddings.shape}, {means.shape} and {assignment.shape}."
        )
    if assignment.min() < 0 or assignment.max() >= len(means):
        raise MetazooError(
            f"assignment must lie in [0, {len(means)}); it spans "
            f"{assignment.min()} to {assignment.max()}."
        )


def _as_pictures(images: np.ndarray, value_range: Sequence[float]) -> Any:
    low, high = value_range
    scaled = np.clip((images.astype(float) - low) / (high - low), 0, 1)
    return np.repeat(scaled, 3, -1) if images.shape[-1] == 1 else scaled


def _plane(
    embeddings: np.ndarray, means: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both in the two main directions of the embeddings."""
    centre = embeddings.mean(0)
    _, _, axes = np.linalg.svd(embeddings - centre, full_matrices=False)
    plane = np.zeros((2, embeddings.shape[1]))
    plane[: min(2, len(axes))] = axes[:2]
    return (embeddings - centre) @ plane.T, (means - centre) @ plane.T


def _map(
    axes: Axes,
    pictures: np.ndarray,
    embeddings: np.ndarray,
    means: np.ndarray,
    assignment: np.ndarray,
) -> None:
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    points, centres = _plane(embeddings, means)
    zoom = 22.0 / pictures.shape[1]
    for picture, point, cluster in zip(
        pictures, points, assignment, strict=True
    ):
        box = AnnotationBbox(
            OffsetImage(picture, zoom=zoom, interpolation="bilinear"),
            tuple(point),
            pad=0.08,
            bboxprops={
                "edgecolor": class_colour(int(cluster)),
                "linewidth": 1.6,
            },
        )
        axes.add_artist(box)
    # Colours repeat: lines tell which mean an example belongs to.
    for point, cluster in zip(points, assignment, strict=True):
        ends = np.stack([point, centres[cluster]])
        colour = class_colour(int(cluster))
        axes.plot(*ends.T, color=colour, linewidth=0.8, zorder=1)
    used = np.unique(assignment)
    axes.scatter(
        centres[used, 0],
        centres[used, 1],
        marker="X",
        s=90,
        c=[class_colour(int(c)) for c in used],
        edgecolors=INK,
        linewidths=0.8,
        zorder=5,
    )
    both = np.concatenate([points, centres[used]])
    margin = 0.12 * np.ptp(both, axis=0) + 1e-6
    axes.set_xlim(both[:, 0].min() - margin[0], both[:, 0].max() + margin[0])
    axes.set_ylim(both[:, 1].min() - margin[1], both[:, 1].max() + margin[1])
    axes.grid(color=FAINT)
    axes.set_xticklabels([])
    axes.set_yticklabels([])
    axes.set_xlabel("main directions of the embedding", color=MUTED)


def _rows(
    axes: Axes,
    pictures: np.ndarray,
    assignment: np.ndarray,
    shown: Sequence[int],
) -> None:
    """Examples of each cluster, in as many columns of clusters as needed."""
    columns = -(-len(shown) // _MAX_ROWS)
    rows = -(-len(shown) // columns)
    examples = _SHOWN[min(columns, len(_SHOWN)) - 1]
    for place, cluster in enumerate(shown):
        column, row = divmod(place, rows)
        members = np.flatnonzero(assignment == cluster)
        left = column * (examples + _LABEL)
        _row(axes, pictures, members, (left, -row), examples)
        axes.texts[-1].set_color(class_colour(int(cluster)))
    axes.set_xlim(-_LABEL, columns * (examples + _LABEL) - _LABEL)
    axes.set_ylim(-rows, 0.2)
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_xlabel("examples of each cluster", color=MUTED)


def _row(
    axes: Axes,
    pictures: np.ndarray,
    members: np.ndarray,
    corner: tuple[float, float],
    examples: int,
) -> None:
    """The first examples of a cluster, right of its size."""
    left, top = corner
    for number, member in enumerate(members[:examples]):
        axes.imshow(
            pictures[member],
            extent=(left + number, left + number + 0.9, top - 0.9, top),
            interpolation="bilinear",
        )
    more = len(members) - examples
    axes.text(
        left - 0.25,
        top - 0.45,
        f"{len(members)}" if more <= 0 else f"{len(members)} (+{more})",
        ha="right",
        va="center",
        weight="bold",
    )
