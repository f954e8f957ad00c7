"""Predicts the images of a folder, a part at a time."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metazoo.cli.images import predictions, read_files
from metazoo.cli.options import positive
from metazoo.cli.output import ProgressBar, say


def add_chunk(parser: argparse.ArgumentParser) -> None:
    """Adds `--chunk`."""
    parser.add_argument(
        "--chunk",
        type=positive,
        default=256,
        metavar="N",
        help="most images of one request to a server (256)",
    )


def chunks_of(files: Sequence[Path], chunk: int) -> list[Sequence[Path]]:
    """Divides files into parts, and says so if there are several.

    Args:
        files: the images.
        chunk: most files of a part.

    Returns:
        The parts, in order.
    """
    parts = [files[i : i + chunk] for i in range(0, len(files), chunk)]
    if len(parts) > 1:
        say(
            f"{len(files)} images in {len(parts)} requests; a transductive "
            f"model sees the {chunk} of one request together"
        )
    return parts


def predict_parts(
    parts: Sequence[Sequence[Path]],
    shape: Sequence[int | None],
    predict: Callable[[Any], Any],
    class_names: Sequence[str],
    top: int,
) -> list[dict[str, Any]]:
    """Reads and predicts one part after the other.

    Args:
        parts: what `chunks_of` gave.
        shape: (height, width, channels) of the model.
        predict: from images float32 [query, *shape] to probabilities
            [query, ways].
        class_names: a name for each label.
        top: how many classes to name.

    Returns:
        Rows as `predictions` makes them.
    """
    bar = ProgressBar("predicting")
    total, rows = sum(map(len, parts)), []
    for part in parts:
        queries = read_files(part, shape)
        rows += predictions(queries, predict(queries.x), class_names, top)
        bar(len(rows), total)
    return rows
