"""How many bytes of requests the server holds at the same time."""

from __future__ import annotations

import threading

from metazoo.serving.server.metrics import Metrics
from metazoo.serving.status import StatusError

# A request of so few bytes is always let in, so that status and health are
# answered by a server that is full; connections bound their number.
SMALL = 64 * 2**10


class BytesInFlight:
    """A bound on all requests together, over both transports.

    Safe for any number of threads.
    """

    def __init__(self, most: int, metrics: Metrics) -> None:
        """Starts empty.

        Args:
            most: Most bytes.
            metrics: What counts them.
        """
        self._most = most
        self._metrics = metrics
        self._lock = threading.Lock()
        self._held = 0

    def lease(self, entrypoint: str) -> Lease:
        """Begins to count a request.

        Args:
            entrypoint: `GRPC` or `REST`.
        """
        return Lease(self, entrypoint)

    def check(self, size: int, entrypoint: str) -> None:
        """Refuses bytes for which there is no room at present.

        Args:
            size: Number of bytes.
            entrypoint: `GRPC` or `REST`.

        Raises:
            StatusError: RESOURCE_EXHAUSTED.
        """
        with self._lock:
            self._check(size, entrypoint)

    def take(self, size: int, entrypoint: str) -> None:
        """Adds bytes.

        Args:
            size: Number of bytes.
            entrypoint: `GRPC` or `REST`.

        Raises:
            StatusError: RESOURCE_EXHAUSTED if there is no room; none of them
                is added.
        """
        with self._lock:
            self._check(size, entrypoint)
            self._held += size
            self._metrics.in_flight(self._held)

    def give_back(self, size: int) -> None:
        """Removes bytes that were added."""
        with self._lock:
            self._held -= size
            self._metrics.in_flight(self._held)

    def _check(self, size: int, entrypoint: str) -> None:
        if self._held + size > self._most:
            self._metrics.refused(entrypoint)
            raise StatusError(
                "RESOURCE_EXHAUSTED",
                f"the server holds {self._held} bytes of other requests and "
                f"takes at most {self._most} together (max_bytes_in_flight); "
                f"{size} more do not fit: try again later",
            )


class Lease:
    """The bytes of one request, given back when it ends.

    One thread at a time may use it.
    """

    def __init__(self, whole: BytesInFlight, entrypoint: str) -> None:
        """Starts with none."""
        self._whole = whole
        self._entrypoint = entrypoint
        self._size = 0
        self._taken = 0

    def check(self, size: int) -> None:
        """Refuses a request that would not be let in at present.

        Args:
            size: Bytes that are said to come.

        Raises:
            StatusError: RESOURCE_EXHAUSTED.
        """
        if size > SMALL:
            self._whole.check(size, self._entrypoint)

    def add(self, size: int) -> None:
        """Counts bytes that have come.

        Args:
            size: Number of bytes.

        Raises:
            StatusError: RESOURCE_EXHAUSTED if there is no room for them.
        """
        self._size += size
        if self._size > SMALL:
            self._whole.take(self._size - self._taken, self._entrypoint)
            self._taken = self._size

    def release(self) -> None:
        """Gives everything back."""
        if self._taken:
            self._whole.give_back(self._taken)
        self._size = self._taken = 0

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *details: object) -> None:
        self.release()
