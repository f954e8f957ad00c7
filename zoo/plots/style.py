"""The look that all plots share, and how they are stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.whole_files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#22304a"
MUTED = "#7b8598"
FAINT = "#e3e6ec"
PAGE = "#fbfaf7"
RIGHT = "#2e9e5b"
WRONG = "#d93a3a"

# Told apart by colour-blind readers too (after Paul Tol's "bright" scheme),
# then darker and lighter relatives for many classes.
CLASS_COLOURS = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#d6a92b",
    "#3fb8d9",
    "#aa3377",
    "#f08a3c",
    "#6a51a3",
    "#7f8c3a",
    "#8c564b",
)


def class_colour(index: int) -> str:
    """Colour of a class; repeats after ten."""
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def check_matplotlib() -> None:
    """Says what is missing before there is anything to draw.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        import matplotlib.backends.backend_agg  # noqa: F401
    except ModuleNotFoundError as error:
        raise ImportError(
            'plots need matplotlib: pip install "metazoo[plots]"'
        ) from error


def new_figure(width: float, height: float) -> Figure:
    """Makes a figure that draws with Agg.

    Args:
        width: in inches.
        height: in inches.

    Returns:
        An empty figure.

    Raises:
        ImportError: matplotlib is not installed.
    """
    check_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor=PAGE)
    FigureCanvasAgg(figure)
    return figure


def new_axes(figure: Figure, place: Any = 111) -> Axes:
    """Adds axes without a box, with faint horizontal lines.

    Args:
        figure: where to.
        place: what `add_subplot` takes; by default the whole figure.
    """
    axes = figure.add_subplot(place, facecolor=PAGE)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK, length=0, labelsize=9)
    axes.grid(axis="y", color=FAINT)
    axes.set_axisbelow(True)
    return axes


def set_labels(axes: Axes, title: str, x: str, y: str) -> None:
    """Titles the axes, flush left.

    Args:
        axes: the axes.
        title: title above.
        x: label below.
        y: label at the left.
    """
    axes.set_title(title, loc="left", color=INK, fontsize=12, weight="bold")
    axes.set_xlabel(x, color=MUTED, fontsize=10)
    axes.set_ylabel(y, color=MUTED, fontsize=10)


def save_figure(figure: Any, path: str | Path, dpi: int = 150) -> Path:
    """Writes a figure, whole or not at all.

    Args:
        figure: the figure.
        path: file; its suffix is the format, such as `.png` or `.svg`.
        dpi: pixels an inch.

    Returns:
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        figure.savefig(file, format=path.suffix[1:] or "png", dpi=dpi)
    return path
