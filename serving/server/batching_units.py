"""What waits in the queue of the batcher."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from metazoo.serving.server.batching_tasks import Arrays
from metazoo.serving.status import StatusError


class Runnable(Protocol):
    """What a batch is run on; a loaded version is one."""

    def run(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str],
        timeout_ms: int,
    ) -> Arrays:
        """Runs a signature."""

    def hold(self) -> None:
        """Counts one more user, while another one is there."""

    def release(self) -> None:
        """Counts one user less."""


class Wake(threading.Event):
    """Wakes the thread of a request.

    Attributes:
        busy: Whether that thread runs a batch, or is about to.
    """

    def __init__(self) -> None:
        """Starts without a batch."""
        super().__init__()
        self.busy = False


class Unit:
    """A request, or a part of a large one, on its way through a batch.

    Attributes:
        inputs: Wire name -> array.
        size: Number of tasks.
        deadline: Monotonic time at which nobody waits any longer.
        enqueued: Monotonic time of its arrival.
        wake: Shared by all parts of a request; set when one of them leads
            or is done.
        batch: The batch that it waits in; None once that runs.
        leads: The batch that its thread is to run, if any.
        values: The answer.
        error: What it ends in instead.
    """

    __slots__ = (
        "batch",
        "deadline",
        "enqueued",
        "error",
        "inputs",
        "leads",
        "size",
        "values",
        "wake",
    )

    def __init__(
        self,
        inputs: Arrays,
        size: int,
        deadline: float,
        wake: Wake,
    ) -> None:
        """Stores the request; it is in no batch yet."""
        self.inputs = inputs
        self.size = size
        self.deadline = deadline
        self.enqueued = time.monotonic()
        self.wake = wake
        self.batch: Batch | None = None
        self.leads: Batch | None = None
        self.values: Arrays | None = None
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether there is an answer or an error."""
        return self.values is not None or self.error is not None

    def finish(
        self, values: Arrays | None = None, error: Exception | None = None
    ) -> None:
        """Stores the outcome and wakes up who waits for it."""
        self.values, self.error = values, error
        self.wake.set()

    def result(self) -> Arrays:
        """Returns the answer, or raises what it ended in."""
        if self.error is not None:
            raise self.error
        if self.values is None:
            raise StatusError("INTERNAL", "a batch left a request unanswered")
        return self.values

    def is_due(self, now: float) -> bool:
        """Whether it waits in a batch that may run by now."""
        return self.batch is not None and self.batch.due <= now

    def waits_until(self, now: float) -> float:
        """Monotonic time at which its thread has to look again.

        The first thread of a batch starts it when it is due; all others
        are woken up.
        """
        batch = self.batch
        if batch is None or batch.closed or batch.due <= now:
            return self.deadline
        if batch.leader() is not self:
            return self.deadline
        return min(batch.due, self.deadline)


@dataclass(eq=False)
class Batch:
    """Requests that will run together.

    Attributes:
        key: What they have in common.
        runnable: What they run on.
        signature: Name of the signature.
        outputs: The outputs wanted.
        due: Monotonic time from which it runs though more would fit.
        units: The requests.
        closed: Whether it takes no more.
    """

    key: Hashable
    runnable: Runnable
    signature: str
    outputs: Sequence[str]
    due: float
    units: list[Unit] = field(default_factory=list)
    closed: bool = False

    @property
    def size(self) -> int:
        """Number of tasks."""
        return sum(unit.size for unit in self.units)

    def leader(self) -> Unit | None:
        """The first request whose thread can run it; None if all are busy."""
        return next((unit for unit in self.units if not unit.wake.busy), None)


def timed_out_in_queue() -> StatusError:
    """What a request ends in whose time is up before it runs."""
    return StatusError(
        "RESOURCE_EXHAUSTED",
        "Run() timeout exceeded while waiting in batching queue",
    )
