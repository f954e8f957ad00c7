"""Samples what a process holds: memory, threads and open files."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Sample:
    """One look at a process.

    Attributes:
        time: Seconds since the epoch.
        pid: The process.
        requests: Requests sent by then.
        rss_mb: Resident memory in MiB.
        threads: Its threads.
        files: Its open files.
    """

    time: float
    pid: int
    requests: int
    rss_mb: float
    threads: int
    files: int


def look(pid: int, requests: int) -> Sample | None:
    """Looks at a process; None if it has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        files = len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    if "VmRSS" not in fields:
        return None
    return Sample(
        time.time(),
        pid,
        requests,
        int(fields["VmRSS"].split()[0]) / 1024,
        int(fields["Threads"]),
        files,
    )


class Watch:
    """Samples a server at a steady pace, whichever process it is."""

    def __init__(self, server: Any, progress: Any, interval: float) -> None:
        """Starts to look.

        Args:
            server: Has the `pid` to look at, None while there is none.
            progress: Has the `value`, requests sent so far.
            interval: Seconds between looks.
        """
        self.samples: list[Sample] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(server, progress, interval), daemon=True
        )
        self._thread.start()

    def _run(self, server: Any, progress: Any, interval: float) -> None:
        while not self._stop.wait(interval):
            pid = server.pid
            sample = pid and look(pid, progress.value)
            if sample:
                self.samples.append(sample)

    def stop(self) -> None:
        """Looks no more."""
        self._stop.set()
        self._thread.join()

    def as_dicts(self) -> list[dict[str, Any]]:
        """The samples for a report."""
        return [asdict(sample) for sample in self.samples]


def growth(samples: list[Sample], pid: int, skip: float) -> dict[str, float]:
    """How memory, threads and files of one process grew with the requests.

    Args:
        samples: All samples.
        pid: The process.
        skip: Fraction of its requests that count as warm-up.

    Returns:
        MiB per 100,000 requests by least squares, the standard error of
        that, the median of memory in the first and the last fifth, and the
        largest and last numbers of threads and files.
    """
    own = [s for s in samples if s.pid == pid]
    if len(own) < 3:
        return {}
    first = own[0].requests
    after = first + skip * (own[-1].requests - first)
    late = [s for s in own if s.requests >= after]
    requests = np.array([s.requests for s in late], float)
    memory = np.array([s.rss_mb for s in late])
    slope, error = _line(requests, memory)
    fifth = max(1, len(late) // 5)
    return {
        "rss_slope_mb_per_100k": 1e5 * slope,
        "rss_slope_error": 1e5 * error,
        "rss_first_mb": float(np.median(memory[:fifth])),
        "rss_last_mb": float(np.median(memory[-fifth:])),
        "threads_first": late[0].threads,
        "threads_max": max(s.threads for s in late),
        "threads_last": late[-1].threads,
        "files_first": late[0].files,
        "files_max": max(s.files for s in late),
        "files_last": late[-1].files,
    }


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    spread = float(((x - x.mean()) ** 2).sum())
    if len(x) < 3 or spread == 0.0:
        return 0.0, 0.0
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    left = y - y.mean() - slope * (x - x.mean())
    return slope, float(np.sqrt((left**2).sum() / (len(x) - 2) / spread))
