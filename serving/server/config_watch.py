"""Reads the file of the models again and again."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from metazoo.errors import ServingError
from metazoo.serving.server.config import from_file
from metazoo.serving.server.versions import VersionManager

LOG = logging.getLogger(__name__)


class ConfigWatch:
    """Applies a models.config whenever it says something new.

    The file is the last word: it also undoes what a reload request changed.
    """

    def __init__(
        self, path: Path, interval: float, manager: VersionManager
    ) -> None:
        """Stores what to watch; `start` begins.

        Args:
            path: The file.
            interval: Seconds between looks at it.
            manager: Who serves the models.
        """
        self._path = path
        self._interval = interval
        self._manager = manager
        self._last_error = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, name="models-config", daemon=True
        )

    def start(self) -> None:
        """Begins to look, after the first interval."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; what is being applied is waited for."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.look()
            except Exception:
                LOG.exception("watching %s failed", self._path)

    def look(self) -> None:
        """Reads the file once.

        A file that can't be applied changes nothing. Of one that can, all is
        applied, though a new model may not be available in time.
        """
        error = ""
        try:
            self._manager.reload(from_file(self._path), self._interval)
        except ServingError as problem:
            error = str(problem)
        new = error and error != self._last_error
        if new and not self._stop.is_set():
            LOG.error("%s was read again: %s", self._path, error)
        self._last_error = error
