"""One line on the terminal that says how far a download is."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class ProgressLine:
    """Writes name, bytes done and bytes in all, a few times a second."""

    def __init__(
        self, stream: TextIO | None = None, interval: float = 0.1
    ) -> None:
        """Chooses where and how often to write.

        Args:
            stream: Where to write, by default standard error.
            interval: Least seconds between two writes.
        """
        self._stream = stream or sys.stderr
        self._interval = interval
        self._last = float("-inf")

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Shows the state of one file; ends the line when it is complete.

        Args:
            name: Name of the file.
            done: Bytes so far.
            total: Bytes in all, if known.
        """
        complete = total is not None and done >= total
        now = time.monotonic()
        if not complete and now - self._last < self._interval:
            return
        self._last = now
        share = f" of {_size(total)} ({done / total:.0%})" if total else ""
        text = f"{name}: {_size(done)}{share}"
        self._stream.write(f"\r{text:<70}" + ("\n" if complete else ""))
        self._stream.flush()


def _size(count: int) -> str:
    """Bytes in a unit people read."""
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return (
                f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
            )
        value /= 1024
    return f"{value:.1f} GiB"
