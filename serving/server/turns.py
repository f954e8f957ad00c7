"""How many requests compute at the same time, and which are under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from metazoo.serving.status import StatusError


class Turns:
    """Lets a number of requests compute at the same time.

    It comes after a request has arrived whole, so that one that is sent
    slowly keeps no other from its turn.
    """

    def __init__(self, number: int) -> None:
        """Takes how many may compute at the same time."""
        self._places = threading.Semaphore(number)

    @contextmanager
    def turn(self, deadline: float | None) -> Iterator[None]:
        """Waits for a turn and holds it.

        Args:
            deadline: Monotonic time until which the answer is wanted; None
                for ever.

        Raises:
            StatusError: DEADLINE_EXCEEDED.
        """
        left = None if deadline is None else max(0.0, deadline - now())
        if not self._places.acquire(timeout=left):
            raise StatusError(
                "DEADLINE_EXCEEDED",
                "the deadline passed while other requests were computed",
            )
        try:
            yield
        finally:
            self._places.release()


def now() -> float:
    """Monotonic time in seconds."""
    return time.monotonic()


def milliseconds_left(deadline: float | None) -> int:
    """Milliseconds until a deadline; 0 where there is none.

    Raises:
        StatusError: DEADLINE_EXCEEDED if it has passed.
    """
    if deadline is None:
        return 0
    left = int((deadline - now()) * 1000)
    if left < 1:
        raise StatusError("DEADLINE_EXCEEDED", "the deadline has passed")
    return left


class CountingPool(ThreadPoolExecutor):
    """A pool of threads that knows how much it has yet to do."""

    def __init__(self, max_workers: int, thread_name_prefix: str) -> None:
        """Starts without threads."""
        super().__init__(max_workers, thread_name_prefix)
        self._changed = threading.Condition()
        self._pending = 0

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        """Adds work, and counts it until it is done."""
        self.entered()
        try:
            future = super().submit(fn, *args, **kwargs)
        except BaseException:
            self.left()
            raise
        future.add_done_callback(lambda _: self.left())
        return future

    def entered(self) -> None:
        """Counts something that is under way."""
        with self._changed:
            self._pending += 1

    def left(self) -> None:
        """Counts something that is done."""
        with self._changed:
            self._pending -= 1
            self._changed.notify_all()

    def wait_idle(self, timeout: float) -> bool:
        """Waits until nothing is under way.

        Args:
            timeout: Longest wait in seconds.

        Returns:
            Whether nothing is.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending, timeout)
