"""Loads versions, with retries, and unloads them without blocking."""

from __future__ import annotations

import gc
import logging
import threading
import time
from pathlib import Path

from metazoo.errors import ServingError
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.server.servable import Servable
from metazoo.serving.server.table import VersionStatus, VersionTable
from metazoo.serving.status import CODES, StatusError

LOG = logging.getLogger(__name__)


class VersionLoader:
    """Takes versions through their states."""

    def __init__(
        self,
        table: VersionTable,
        metrics: Metrics,
        max_retries: int,
        retry_interval: float,
    ) -> None:
        """Stores the settings.

        Args:
            table: Where the versions stand.
            metrics: Where load times are counted.
            max_retries: Further tries after a load that failed.
            retry_interval: Seconds between tries.
        """
        self._table = table
        self._metrics = metrics
        self._max_retries = max_retries
        self._retry_interval = retry_interval
        self._unloading: list[threading.Thread] = []

    def pending(self) -> bool:
        """Whether a version waits for its next try."""
        return any(
            status.state in ("START", "LOADING")
            for name in self._table.names()
            for status in self._table.versions(name).values()
        )

    def load_if_due(
        self, name: str, version: int, folder: Path, status: VersionStatus
    ) -> None:
        """Loads a version unless it is loaded, given up, or must wait."""
        due = status.retry_at <= time.monotonic()
        if status.state not in ("START", "LOADING") or not due:
            return
        self._table.update(status, state="LOADING")
        started = time.perf_counter()
        try:
            servable = Servable(name, version, folder)
        except Exception as error:
            self._failed(name, version, status, error)
            return
        self._metrics.loaded(folder, time.perf_counter() - started)
        self._table.update(status, state="AVAILABLE", servable=servable)
        LOG.info("model %r version %d is AVAILABLE", name, version)
        _freeze()

    def _failed(
        self, name: str, version: int, status: VersionStatus, error: Exception
    ) -> None:
        status.failures += 1
        status.retry_at = time.monotonic() + self._retry_interval
        given_up = status.failures > self._max_retries
        LOG.error(
            "model %r version %d does not load (try %d of %d; %s): %s",
            name,
            version,
            status.failures,
            self._max_retries + 1,
            "given up" if given_up else f"next in {self._retry_interval:g} s",
            error,
            # What nobody foresaw is told with the place.
            exc_info=error if _code_of(error) == "INTERNAL" else None,
        )
        if given_up:
            self._table.update(
                status,
                state="END",
                code=_code_of(error),
                message=str(error) or type(error).__name__,
            )

    def unload(self, name: str, version: int, status: VersionStatus) -> None:
        """Takes a version out of service.

        Its requests are answered before it is freed, which nothing waits
        for. A load that failed is forgotten: the version may come back
        repaired.
        """
        servable = status.servable
        if servable is not None:
            self._table.update(status, state="UNLOADING", servable=None)
            self._start_unloading(name, version, status, servable)
        elif status.state != "UNLOADING" and (
            status.state != "END" or status.failed
        ):
            self._table.update(status, state="END", code="OK", message="")

    def _start_unloading(
        self, name: str, version: int, status: VersionStatus, servable: Servable
    ) -> None:
        thread = threading.Thread(
            target=self._unload,
            args=(name, version, status, servable),
            name=f"unload-{name}-{version}",
            daemon=True,
        )
        self._unloading = [t for t in self._unloading if t.is_alive()]
        self._unloading.append(thread)
        thread.start()

    def _unload(
        self, name: str, version: int, status: VersionStatus, servable: Servable
    ) -> None:
        try:
            servable.retire()
        except Exception:
            LOG.exception("unloading model %r version %d failed", name, version)
        self._table.update(status, state="END")
        LOG.info("model %r version %d is unloaded", name, version)
        del servable
        _freeze()

    def finish(self, timeout: float | None) -> bool:
        """Waits for the versions that are going.

        Args:
            timeout: Longest wait in seconds; None to wait for ever.

        Returns:
            Whether all are gone.
        """
        until = None if timeout is None else time.monotonic() + timeout
        for thread in self._unloading:
            left = None if until is None else max(0.0, until - time.monotonic())
            thread.join(left)
        gc.unfreeze()
        return not any(thread.is_alive() for thread in self._unloading)


def _code_of(error: Exception) -> str:
    if isinstance(error, StatusError):
        return error.code
    code = getattr(error, "error_code", None)
    if isinstance(code, int) and 0 < code < len(CODES):
        return CODES[code]
    # A folder that is not whole, as TensorFlow Serving has it.
    incomplete = isinstance(error, ServingError | OSError)
    return "NOT_FOUND" if incomplete else "INTERNAL"


def _freeze() -> None:
    # TensorFlow's objects make every full collection take 0.2 s; frozen,
    # they are skipped until models change again.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
