"""What may go unanswered, and when."""

from __future__ import annotations

from dataclasses import dataclass

# Between the last byte of a server and the news of it, and for clients that
# wait before they connect again.
SLACK = 1.5
# A gRPC server that shuts down cancels what came and was not yet begun.
AFTER_SIGTERM = ("UNAVAILABLE", "CANCELLED", "refused", "closed", "not loaded")


@dataclass(frozen=True)
class Window:
    """A time without a server.

    Attributes:
        kind: `SIGKILL` or `SIGTERM`.
        start: Seconds since the epoch, just before the signal.
        end: When the next server answered.
    """

    kind: str
    start: float
    end: float

    def covers(self, time: float) -> bool:
        """Whether there was no server then."""
        return self.start <= time <= self.end + SLACK

    def allows(self, start: float, end: float, status: str) -> bool:
        """Whether a request may have ended so.

        After `kill -9` anything may be cut. A server that drains answers
        what it has taken, and takes nothing more.

        Args:
            start: When the request was sent.
            end: When it ended.
            status: How.
        """
        overlaps = end >= self.start and start <= self.end + SLACK
        return overlaps and (self.kind == "SIGKILL" or status in AFTER_SIGTERM)


def unexplained(
    outages: list[tuple[float, float, str, str]], windows: list[Window]
) -> list[tuple[float, str, str]]:
    """Finds the requests that were lost outside every window.

    Args:
        outages: (start, end, kind, status) of requests without an answer.
        windows: When there was no server.

    Returns:
        (time, kind, what was wrong).
    """
    return [
        (start, kind, f"{status} while the server was up")
        for start, end, kind, status in outages
        if not any(window.allows(start, end, status) for window in windows)
    ]
