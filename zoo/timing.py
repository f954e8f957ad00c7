"""Wall time of repeated calls."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from metazoo.errors import MetazooError


@dataclasses.dataclass(frozen=True)
class Timing:
    """Wall time of one call, over several.

    Attributes:
        median_ms: median in milliseconds.
        p95_ms: 95th percentile in milliseconds.
        runs: number of calls timed.
    """

    median_ms: float
    p95_ms: float
    runs: int


def time_calls(
    call: Callable[[], object], runs: int = 20, warm_up: int = 2
) -> Timing:
    """Times a call that has been made before.

    Args:
        call: what to time; it must have finished when it returns.
        runs: how often.
        warm_up: calls before that are not timed: tracing, caches.

    Returns:
        Median and 95th percentile.

    Raises:
        MetazooError: `runs` is below 1.
    """
    if runs < 1:
        raise MetazooError(f"runs must be 1 or more; got {runs}.")
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return Timing(
        float(np.median(times)), float(np.percentile(times, 95)), runs
    )
