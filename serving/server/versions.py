"""Watches the model folders; loads new versions before old ones go."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from metazoo.errors import ServingError
from metazoo.serving.server.config import ModelConfig
from metazoo.serving.server.folders import Notices, find_versions
from metazoo.serving.server.labels import Labels
from metazoo.serving.server.loading import VersionLoader
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.server.servable import Servable
from metazoo.serving.server.table import VersionStatus, VersionTable
from metazoo.serving.status import StatusError, invalid

LOG = logging.getLogger(__name__)


class VersionManager:
    """Serves the versions that the configs ask for.

    One thread polls and loads; versions that go wait for their requests in
    threads of their own; any number of threads use what is loaded.
    """

    def __init__(
        self,
        configs: Iterable[ModelConfig],
        metrics: Metrics,
        poll_interval: float = 1.0,
        max_load_retries: int = 5,
        load_retry_interval: float = 60.0,
        allow_unavailable_labels: bool = False,
    ) -> None:
        """Stores the configs; `start` begins to load.

        Args:
            configs: The models.
            metrics: Where load times are counted.
            poll_interval: Seconds between looks at the folders; 0 to look
                once.
            max_load_retries: Further tries after a load that failed.
            load_retry_interval: Seconds between tries.
            allow_unavailable_labels: Whether a new label may point to a
                version that is not available yet.

        Raises:
            StatusError: FAILED_PRECONDITION for a label, unless they are
                allowed: no version is available yet.
        """
        self._configs = {config.name: config for config in configs}
        self._poll_interval = poll_interval
        self._table = VersionTable()
        self._loader = VersionLoader(
            self._table, metrics, max_load_retries, load_retry_interval
        )
        self._labels = Labels(self._table, allow_unavailable_labels)
        self._labels.assign(self._configs.values())
        self._notices = Notices()
        self._poll_lock = threading.Lock()
        self._reload_lock = threading.Lock()
        # How often the list was replaced, and the last one that was polled.
        self._generation = 0
        self._polled = -1
        # New models that no reload has seen through yet.
        self._awaited: set[str] = set()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to poll in a thread."""
        self._thread = threading.Thread(
            target=self._poll_forever, name="model-versions", daemon=True
        )
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Stops polling and unloads everything.

        Args:
            timeout: Longest wait, in seconds, for a version that is being
                loaded, and then for requests that still use one; None to
                wait for ever.

        Returns:
            Whether everything is unloaded.
        """
        if not self.finish_loading(timeout):
            LOG.warning("stopped while a version was still being loaded")
            return False
        self._drop_everything()
        return self._loader.finish(timeout)

    def _drop_everything(self) -> None:
        with self._poll_lock:
            for name in self._table.names():
                self._drop(name, self._table.versions(name))

    def finish_loading(self, timeout: float | None = None) -> bool:
        """Stops polling and waits for what is being loaded.

        Args:
            timeout: Longest wait in seconds; None to wait for ever.

        Returns:
            Whether nothing is being loaded any more.
        """
        self.end_waits()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def end_waits(self) -> None:
        """Stops polling, and ends every wait for a model."""
        self._stop.set()
        self._wake.set()
        self._table.notify()

    def _poll_forever(self) -> None:
        while not self._stop.is_set():
            self.poll()
            self._wake.wait(self._pause())
            self._wake.clear()
        # Nobody else does, if `stop` did not wait for a slow load.
        self._drop_everything()

    def _pause(self) -> float | None:
        if self._poll_interval or self._loader.pending():
            return self._poll_interval or 1.0
        return None

    def poll(self) -> None:
        """Looks at all folders once, loads what is new, drops what is old.

        A model that can't be looked at keeps its versions and does not keep
        the others from being looked at.
        """
        with self._poll_lock:
            generation, configs = self._generation, self._configs
            for config in configs.values():
                try:
                    self._poll_model(config)
                except Exception:
                    LOG.exception("polling model %r failed", config.name)
            for name in set(self._table.names()) - set(configs):
                self._drop(name, self._table.versions(name))
            self._polled = generation
            self._table.notify()

    def _poll_model(self, config: ModelConfig) -> None:
        try:
            folders, warnings = find_versions(config.base_path)
        except OSError as error:
            self._notices.tell(
                config.name,
                f"waiting for its folder: base path {config.base_path} can't "
                f"be read: {error.strerror}",
            )
            return
        wanted = config.wanted(folders)
        if not wanted:
            warnings.append(
                "waiting for a version: no versions found under "
                f"{config.base_path} that are to be served; a version is a "
                "folder named by a number"
            )
        if warnings:
            self._notices.tell(config.name, "; ".join(warnings))
        else:
            self._notices.settle(config.name)
        statuses = {v: self._table.begin(config.name, v) for v in wanted}
        for version, status in statuses.items():
            if self._stop.is_set():
                return
            self._loader.load_if_due(
                config.name, version, folders[version], status
            )
        self._drop_unwanted(config.name, wanted)

    def _drop_unwanted(self, name: str, wanted: Collection[int]) -> None:
        versions = self._table.versions(name)
        ready = any(versions[v].state == "AVAILABLE" for v in wanted)
        if wanted and not ready:
            return
        self._drop(name, {v: s for v, s in versions.items() if v not in wanted})

    def _drop(self, name: str, versions: dict[int, VersionStatus]) -> None:
        for version, status in versions.items():
            self._loader.unload(name, version, status)

    def is_configured(self, name: str) -> bool:
        """Whether a model of this name is being served."""
        return name in self._configs

    def statuses(self, name: str) -> dict[int, VersionStatus]:
        """Lists a model's versions, highest first.

        Raises:
            StatusError: NOT_FOUND for a model that was never served.
        """
        versions = self._table.versions(name)
        if not versions:
            raise StatusError(
                "NOT_FOUND", f"Could not find any versions of model {name}"
            )
        return versions

    @contextmanager
    def use(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> Iterator[Servable]:
        """Holds a loaded version while a request uses it.

        Args:
            name: Name of the model.
            version: Its version; None for the highest AVAILABLE one.
            label: A label instead of the version.

        Yields:
            The loaded version.

        Raises:
            StatusError: As TensorFlow Serving answers.
        """
        if not name:
            raise invalid("Missing ModelSpec.name: no model is named")
        if label is not None:
            version = self._labels.version(name, label)
        servable = self._table.acquire(name, version)
        try:
            yield servable
        finally:
            servable.release()

    def wait_available(self, timeout: float | None = None) -> None:
        """Waits until every model has a version AVAILABLE.

        Args:
            timeout: Longest wait in seconds; None to wait for ever.

        Raises:
            ServingError: If a model can't be loaded or time is up.
        """
        configs = self._configs
        done = self._table.wait_for(
            lambda: all(self._table.is_settled(name) for name in configs),
            timeout,
        )
        broken = self._broken(configs.values())
        if broken:
            prefix = "" if done else f"after {timeout} s "
            raise ServingError(
                f"{prefix}not every model is available: {broken}"
            )

    def _broken(self, configs: Iterable[ModelConfig]) -> str:
        return "; ".join(
            f"{config.name}: {self._failure(config)}"
            for config in configs
            if not self._table.is_available(config.name)
        )

    def _failure(self, config: ModelConfig) -> str:
        for version, status in self._table.versions(config.name).items():
            if status.failed:
                return f"version {version}: {status.message}"
        return f"no version under {config.base_path}"

    def reload(self, configs: list[ModelConfig], timeout: float | None) -> None:
        """Replaces the whole list of models.

        The labels change first, then the list; then it waits for the models
        that are new. A later replacement ends the wait.

        Args:
            configs: The new list; models that it leaves out are unloaded.
            timeout: Longest wait, in seconds, for the new models; None to
                wait for ever.

        Raises:
            StatusError: FAILED_PRECONDITION for a label on a version that
                is not available, and nothing has changed; UNKNOWN if a new
                model can't be loaded, ABORTED if the list was replaced
                again, DEADLINE_EXCEEDED if time is up.
        """
        with self._reload_lock:
            self._labels.assign(configs)
            if configs == list(self._configs.values()) and not self._awaited:
                return
            new = [c for c in configs if self._is_new(c.name)]
            self._awaited = {config.name for config in new}
            self._configs = {config.name: config for config in configs}
            self._generation += 1
            mine = self._generation
        self._table.notify()
        self._poll_soon()
        self._wait_reloaded(new, mine, timeout)

    def _is_new(self, name: str) -> bool:
        return name not in self._configs or name in self._awaited

    def _poll_soon(self) -> None:
        if self._thread is None:
            self.poll()
        else:
            self._wake.set()

    def _wait_reloaded(
        self, new: list[ModelConfig], mine: int, timeout: float | None
    ) -> None:
        def done() -> bool:
            polled = self._polled >= mine
            return self._superseded(mine) or (
                polled and all(self._table.is_settled(c.name) for c in new)
            )

        in_time = self._table.wait_for(done, timeout)
        if self._superseded(mine):
            raise StatusError(
                "ABORTED",
                "the list of models was replaced again, or the server stops",
            )
        broken = self._broken(new)
        if not in_time:
            raise StatusError(
                "DEADLINE_EXCEEDED", f"not available in time: {broken}"
            )
        with self._reload_lock:
            if self._generation == mine:
                self._awaited = set()
        if broken:
            raise StatusError("UNKNOWN", f"not available: {broken}")

    def _superseded(self, mine: int) -> bool:
        return self._generation != mine or self._stop.is_set()
