"""What commands write: results to stdout, progress to stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

_BAR_WIDTH = 24
_SECONDS_BETWEEN = 0.2


def write_json(value: Any) -> None:
    """Prints one JSON value to stdout."""
    print(json.dumps(value, indent=2, allow_nan=False), flush=True)


def say(text: str) -> None:
    """Prints a note to stderr, so that stdout holds results alone."""
    print(text, file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Lays out rows in columns.

    Args:
        rows: cells by row.
        header: titles of the columns.

    Returns:
        The lines, joined.
    """
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def size_text(size: int) -> str:
    """A number of bytes as a person reads it, such as `451 kB`."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return (
                f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
            )
        value /= 1000
    return f"{value:.1f} GB"


class ProgressBar:
    """Draws on stderr how far something has come; quiet off a terminal."""

    def __init__(self, label: str) -> None:
        """Draws nothing yet.

        Args:
            label: what is under way.
        """
        self._label = label
        self._last = 0.0
        self._on = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        """Draws the bar, a few times a second at most.

        Args:
            done: units done.
            total: units in all.
        """
        finished = done >= total
        now = time.monotonic()
        if not self._on or (
            not finished and now - self._last < _SECONDS_BETWEEN
        ):
            return
        self._last = now
        filled = _BAR_WIDTH * done // max(total, 1)
        bar = "█" * filled + "░" * (_BAR_WIDTH - filled)
        end = "\n" if finished else ""
        print(
            f"\r{self._label} {bar} {done}/{total}",
            end=end,
            file=sys.stderr,
            flush=True,
        )
