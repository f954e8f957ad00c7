"""Runs a batch and answers each of its requests."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence

from metazoo.serving.server.batching_options import BatchingOptions
from metazoo.serving.server.batching_tasks import Arrays, merged, split
from metazoo.serving.server.batching_units import Batch, Unit
from metazoo.serving.server.metrics import BatchingMetrics
from metazoo.serving.status import StatusError

LOG = logging.getLogger(__name__)


def run_batch(
    batch: Batch, options: BatchingOptions, metrics: BatchingMetrics
) -> None:
    """Runs a batch; every request of it ends with an answer or an error.

    Args:
        batch: The batch, which left the queue.
        options: The sizes that it may be padded to.
        metrics: What counts the run.
    """
    units = batch.units
    try:
        answers = _run(batch, units, options, metrics)
    except Exception as error:
        if len(units) == 1:
            units[0].finish(error=error)
            return
        LOG.debug("%d merged requests run again singly: %s", len(units), error)
        _run_singly(batch, options, metrics)
        return
    for unit, values in zip(units, answers, strict=True):
        unit.finish(values)


def _run_singly(
    batch: Batch, options: BatchingOptions, metrics: BatchingMetrics
) -> None:
    for unit in batch.units:
        try:
            (values,) = _run(batch, [unit], options, metrics)
        except Exception as error:
            unit.finish(error=error)
        else:
            unit.finish(values)


def _run(
    batch: Batch,
    units: Sequence[Unit],
    options: BatchingOptions,
    metrics: BatchingMetrics,
) -> list[Arrays]:
    timeout_ms = _timeout_ms(max(unit.deadline for unit in units))
    sizes = [unit.size for unit in units]
    size = options.padded_size(sum(sizes))
    padding = size - sum(sizes)
    metrics.processed(size, padding)
    outputs = batch.runnable.run(
        batch.signature,
        merged([unit.inputs for unit in units], padding),
        batch.outputs,
        timeout_ms,
    )
    return split(outputs, sizes, padding)


def _timeout_ms(deadline: float) -> int:
    if deadline == math.inf:
        return 0
    left = deadline - time.monotonic()
    if left <= 0:
        raise StatusError(
            "DEADLINE_EXCEEDED", "the deadline passed before the run began"
        )
    return max(1, int(left * 1000))
