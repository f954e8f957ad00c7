"""How fast a run goes."""

from __future__ import annotations

import time


class TaskRate:
    """Tasks per second since the start of an epoch."""

    def __init__(self, num_tasks: int) -> None:
        """Starts the clock.

        Args:
            num_tasks: tasks of a step.
        """
        self._num_tasks = num_tasks
        self._steps = 0
        self._compiling = True
        self._start = time.perf_counter()

    def after_step(self) -> float:
        """Counts a step.

        Returns:
            Tasks per second. The first step of an epoch, which may compile,
            counts only as long as there is no other.
        """
        now = time.perf_counter()
        self._steps += 1
        elapsed = now - self._start
        rate = self._num_tasks * self._steps / elapsed
        if self._compiling:
            self._compiling, self._steps, self._start = False, 0, now
        return rate
