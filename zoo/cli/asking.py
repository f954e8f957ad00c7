"""Predicts what lies in a folder, a part at a time."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from metazoo.cli.examples import read_places
from metazoo.cli.images import predictions
from metazoo.cli.options import positive
from metazoo.cli.output import ProgressBar, say


def add_chunk(parser: argparse.ArgumentParser) -> None:
    """Adds `--chunk`."""
    parser.add_argument(
        "--chunk",
        type=positive,
        default=256,
        metavar="N",
        help="most images or texts of one request to a server (256)",
    )


def chunks_of(
    places: Sequence[Any], chunk: int, noun: str = "images"
) -> list[Sequence[Any]]:
    """Divides what is to be labelled, and says so if parts are several.

    Args:
        places: what `query_places` listed.
        chunk: most places of a part.
        noun: what they are.

    Returns:
        The parts, in order.
    """
    parts = [places[i : i + chunk] for i in range(0, len(places), chunk)]
    if len(parts) > 1:
        say(
            f"{len(places)} {noun} in {len(parts)} requests; a transductive "
            f"model sees the {chunk} of one request together"
        )
    return parts


def predict_parts(
    parts: Sequence[Sequence[Any]],
    shape: Sequence[int | None],
    predict: Callable[[Any], Any],
    class_names: Sequence[str],
    top: int,
) -> list[dict[str, Any]]:
    """Reads and predicts one part after the other.

    Args:
        parts: what `chunks_of` gave.
        shape: of one example of the model.
        predict: from examples [query, *shape] to probabilities [query,
            ways].
        class_names: a name for each label.
        top: how many classes to name.

    Returns:
        Rows as `predictions` makes them.
    """
    bar = ProgressBar("predicting")
    total, rows = sum(map(len, parts)), []
    for part in parts:
        queries = read_places(part, shape)
        rows += predictions(queries, predict(queries.x), class_names, top)
        bar(len(rows), total)
    return rows
