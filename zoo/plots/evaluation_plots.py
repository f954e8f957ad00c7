"""All plots of one evaluation, written to a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metazoo.metrics.episodes import confusion_matrix, reliability
from metazoo.plots.confusion import plot_confusion
from metazoo.plots.curves import plot_shots_curve, plot_ways_curve
from metazoo.plots.reliability_plot import plot_reliability
from metazoo.plots.style import save_figure

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.evaluation import CurvePoint, EvaluationResult


def save_evaluation_plots(
    directory: str | Path,
    result: EvaluationResult,
    dataset: ClassDataset,
    curve: Sequence[CurvePoint] = (),
) -> list[Path]:
    """Writes a confusion matrix, a reliability diagram and curves as PNG.

    Args:
        directory: folder to write to; made if it is not there.
        result: an evaluation.
        dataset: the data set that was evaluated on.
        curve: accuracy by ways and shots, if it was measured.

    Returns:
        The files.

    Raises:
        MetazooError: the data set is another one.
        ImportError: matplotlib is not installed.
    """
    directory = Path(directory)
    records = result.records
    found = reliability(records.confidence, records.correct)
    counts = class_confusion(result, dataset)
    figures = {
        "confusion.png": plot_confusion(counts, dataset.class_names),
        "reliability.png": plot_reliability(found),
    }
    if curve:
        figures["accuracy_by_shots.png"] = plot_shots_curve(curve)
        figures["accuracy_by_ways.png"] = plot_ways_curve(curve)
    return [
        save_figure(figure, directory / name)
        for name, figure in figures.items()
    ]


def class_confusion(
    result: EvaluationResult, dataset: ClassDataset
) -> np.ndarray:
    """Counts confusions between the classes of the data set.

    The labels of an episode are places in that episode only; the episodes
    are drawn again to find which classes they were.

    Args:
        result: an evaluation.
        dataset: the data set that was evaluated on.

    Returns:
        int64 [classes, classes]: row true, column predicted.

    Raises:
        MetazooError: the data set is another one.
    """
    classes = result.episode_classes(dataset)
    true = np.take_along_axis(classes, result.records.query_y, axis=1)
    predicted = np.take_along_axis(classes, result.records.classes, axis=1)
    return confusion_matrix(true, predicted, dataset.num_classes)
