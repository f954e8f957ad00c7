"""Merges concurrent requests over the axis of tasks.

The rules are those of TensorFlow Serving's batching session, with three
differences that a client sees only as better answers: requests of unequal
lengths are not merged, where the real server fails them; nothing is padded
but whole tasks; and when a merged run fails, its requests run again one by
one, so that only the faulty one is answered with an error.

What is merged: requests of one version, one signature, one set of outputs,
with equal dtypes, equal sizes but for axis 0, and labels of the same ranges
(a method of any number of ways answers as wide as the largest label, so a
neighbour would show). A request with values that are not finite runs alone.

There is no thread that waits for work. The thread of the first request in a
batch runs it for all of them, as soon as one of `num_batch_threads` slots is
free and the batch is full or old enough: an idle server runs a request in
its own thread at once, a busy one takes whatever came in the meantime. The
further parts of a large request run beside its first one, each in a thread
made for it. No thread waits for another one to get a slot, so whatever fills
the slots, they come free again.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Hashable, Sequence

from metazoo.serving.server.batching_options import BatchingOptions
from metazoo.serving.server.batching_run import run_batch
from metazoo.serving.server.batching_tasks import (
    Arrays,
    joined,
    merge_key,
    parts_of,
    tasks_of,
)
from metazoo.serving.server.batching_units import (
    Batch,
    Runnable,
    Unit,
    Wake,
    timed_out_in_queue,
)
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.signatures import BYTES
from metazoo.serving.status import StatusError, invalid

__all__ = ["Batcher", "BatchingOptions"]

LOG = logging.getLogger(__name__)


class Batcher:
    """Runs requests, merged where that is possible.

    Safe for any number of threads.
    """

    def __init__(self, options: BatchingOptions, metrics: Metrics) -> None:
        """Starts with an empty queue.

        Args:
            options: How to merge.
            metrics: What counts the batches.
        """
        self._options = options
        self._metrics = metrics
        self._linger = options.batch_timeout_micros / 1e6
        self._lock = threading.Lock()
        self._free_slots = options.num_batch_threads
        # In the order of arrival; the last one of a key is still open.
        self._queue: list[Batch] = []

    def run(
        self,
        runnable: Runnable,
        signature: str,
        inputs: Arrays,
        outputs: Sequence[str],
        timeout_ms: int,
    ) -> Arrays:
        """Runs one request, together with others that fit.

        Args:
            runnable: What to run it on; the caller holds it.
            signature: Name of the signature.
            inputs: Wire name -> array [tasks, ...].
            outputs: The wire names to compute.
            timeout_ms: Longest wait in milliseconds; 0 for no limit.

        Returns:
            Wire name -> array, for the tasks of this request.

        Raises:
            StatusError: INVALID_ARGUMENT for a request larger than allowed,
                UNAVAILABLE if the queue is full, RESOURCE_EXHAUSTED if time
                is up before it runs, or the code of the run.
        """
        size = tasks_of(inputs)
        self._check_size(size)
        self._metrics.batching.came(size)
        units = self._units(inputs, size, timeout_ms)
        # Nothing equals a new object: such a request runs alone.
        shared = merge_key(inputs, signature.endswith(BYTES)) or object()
        key = (id(runnable), signature, tuple(outputs), shared)
        with self._lock:
            self._check_room(units, key)
            for unit in units:
                batch = self._open_batch(unit.size, key)
                if batch is None:
                    due = unit.enqueued + self._linger
                    batch = Batch(key, runnable, signature, outputs, due)
                    self._queue.append(batch)
                self._join(unit, batch)
            self._dispatch()
        self._wait(units)
        return joined([unit.result() for unit in units])

    def _check_size(self, size: int) -> None:
        if size > self._options.max_batch_size:
            raise invalid(
                f"Task size {size} is larger than maximum input batch size "
                f"{self._options.max_batch_size}"
            )

    def _units(self, inputs: Arrays, size: int, timeout_ms: int) -> list[Unit]:
        deadline = math.inf
        if timeout_ms:
            deadline = time.monotonic() + timeout_ms / 1000
        wake = Wake()
        return [
            Unit(part, tasks_of(part), deadline, wake)
            for part in parts_of(inputs, size, self._options.execution_size)
        ]

    def _check_room(self, units: Sequence[Unit], key: Hashable) -> None:
        waiting = sum(batch.key == key for batch in self._queue)
        fits = self._open_batch(units[0].size, key) is not None
        if waiting + len(units) - fits > self._options.max_enqueued_batches:
            raise StatusError(
                "UNAVAILABLE",
                "The batch scheduling queue to which this task was submitted "
                f"is full; currently {waiting} batches enqueued and "
                "max_enqueued_batches is "
                f"{self._options.max_enqueued_batches}",
            )

    def _open_batch(self, size: int, key: Hashable) -> Batch | None:
        for batch in self._queue:
            if batch.key == key and not batch.closed:
                fits = batch.size + size <= self._options.execution_size
                return batch if fits else None
        return None

    def _join(self, unit: Unit, batch: Batch) -> None:
        for earlier in self._queue:
            if earlier is not batch and earlier.key == batch.key:
                earlier.closed = True
        batch.units.append(unit)
        unit.batch = batch
        batch.closed = batch.size >= self._options.execution_size

    def _dispatch(self) -> None:
        """Gives free slots to batches that are due; needs the lock."""
        now = time.monotonic()
        for batch in list(self._queue):
            if not self._free_slots:
                return
            if batch.closed or batch.due <= now:
                self._start(batch, now)

    def _start(self, batch: Batch, now: float) -> None:
        """Has a thread of the batch run it, as soon as one of them is free."""
        for unit in batch.units:
            if unit.deadline <= now:
                unit.batch = None
                unit.finish(error=timed_out_in_queue())
        batch.units = [unit for unit in batch.units if not unit.done]
        if not batch.units:
            self._queue.remove(batch)
            return
        # Who waits may give up; the version must stay until the run ends.
        batch.runnable.hold()
        leader = batch.leader()
        if leader is None and not self._runs_aside(batch):
            batch.runnable.release()
            return
        self._queue.remove(batch)
        self._free_slots -= 1
        for unit in batch.units:
            unit.batch = None
        if leader is not None:
            leader.leads, leader.wake.busy = batch, True
            leader.wake.set()

    def _runs_aside(self, batch: Batch) -> bool:
        """Has a new thread run parts of requests whose threads are busy."""
        thread = threading.Thread(
            target=self._execute, args=(batch,), name="batch-part"
        )
        try:
            thread.start()
        except RuntimeError:
            # No thread is to be had: the request's own runs it afterwards.
            LOG.warning("no thread for a part of a large request; it waits")
            return False
        return True

    def _wait(self, units: Sequence[Unit]) -> None:
        """Runs what the units lead, until all of them are done."""
        while True:
            for unit in units:
                if unit.leads is not None:
                    batch, unit.leads = unit.leads, None
                    self._execute(batch, unit.wake)
            pause = self._pause(units)
            if pause is None:
                return
            units[0].wake.wait(pause)
            units[0].wake.clear()

    def _pause(self, units: Sequence[Unit]) -> float | None:
        """Seconds until a thread has to look again; None when all is done."""
        with self._lock:
            now = time.monotonic()
            if any(unit.is_due(now) for unit in units):
                self._dispatch()
            if any(unit.leads for unit in units):
                return 0.0
            if all(unit.done for unit in units):
                return None
            if units[0].deadline <= now:
                raise self._given_up(units)
            until = min(unit.waits_until(now) for unit in units)
            return min(until - now, threading.TIMEOUT_MAX)

    def _given_up(self, units: Sequence[Unit]) -> StatusError:
        """Takes units whose time is up out of the queue."""
        waiting = [
            (unit, unit.batch) for unit in units if unit.batch is not None
        ]
        for unit, batch in waiting:
            batch.units.remove(unit)
            unit.batch = None
            if not batch.units:
                self._queue.remove(batch)
            else:
                # Whose thread is now to start the batch must set its alarm.
                batch.units[0].wake.set()
        if waiting:
            return timed_out_in_queue()
        return StatusError(
            "DEADLINE_EXCEEDED", "the deadline passed during the run"
        )

    def _execute(self, batch: Batch, wake: Wake | None = None) -> None:
        now = time.monotonic()
        for unit in batch.units:
            self._metrics.batching.queued(now - unit.enqueued)
        try:
            run_batch(batch, self._options, self._metrics.batching)
        finally:
            batch.runnable.release()
            with self._lock:
                self._free_slots += 1
                if wake is not None:
                    wake.busy = False
                self._dispatch()
