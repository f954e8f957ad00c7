"""Watches the model folders; loads new versions before old ones go."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from metazoo.errors import ServingError
from metazoo.serving.publish import list_versions
from metazoo.serving.server.config import ModelConfig
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.server.servable import Servable
from metazoo.serving.server.table import VersionStatus, VersionTable
from metazoo.serving.status import StatusError, invalid

LOG = logging.getLogger(__name__)


class VersionManager:
    """Serves the versions that the configs ask for.

    One thread polls and loads; any number of threads use what is loaded.
    """

    def __init__(
        self,
        configs: Iterable[ModelConfig],
        metrics: Metrics,
        poll_interval: float = 1.0,
        max_load_retries: int = 2,
        load_retry_interval: float = 1.0,
    ) -> None:
        """Stores the configs; `start` begins to load.

        Args:
            configs: The models.
            metrics: Where load times are counted.
            poll_interval: Seconds between looks at the folders.
            max_load_retries: Further tries after a load that failed.
            load_retry_interval: Seconds between tries.
        """
        self._configs = {config.name: config for config in configs}
        self._metrics = metrics
        self._poll_interval = poll_interval
        self._max_retries = max_load_retries
        self._retry_interval = load_retry_interval
        self._table = VersionTable()
        self._poll_lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to poll in a thread."""
        self._thread = threading.Thread(
            target=self._poll_forever, name="model-versions", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stops polling and unloads everything."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._poll_lock:
            for name in self._table.names():
                self._drop_all(name)
        gc.unfreeze()

    def _poll_forever(self) -> None:
        while not self._stop.is_set():
            try:
                self.poll()
            except Exception:
                LOG.exception("polling the model folders failed")
            self._stop.wait(self._poll_interval)

    def poll(self) -> None:
        """Looks at all folders once, loads what is new, drops what is old."""
        with self._poll_lock:
            for config in list(self._configs.values()):
                self._poll_model(config)
            for name in set(self._table.names()) - set(self._configs):
                self._drop_all(name)

    def _poll_model(self, config: ModelConfig) -> None:
        if not config.base_path.is_dir():
            LOG.warning(
                "model %r: base path %s does not exist",
                config.name,
                config.base_path,
            )
            return
        folders = list_versions(config.base_path)
        if not folders:
            LOG.warning(
                "model %r: no versions found under %s",
                config.name,
                config.base_path,
            )
        wanted = config.wanted(folders)
        for version in wanted:
            if self._stop.is_set():
                return
            self._load_if_due(config.name, version, folders[version])
        self._drop_unwanted(config.name, wanted)

    def _load_if_due(self, name: str, version: int, folder: Path) -> None:
        status = self._table.begin(name, version)
        due = status.retry_at <= time.monotonic()
        if status.state in ("START", "LOADING") and due:
            self._load(name, version, folder, status)

    def _load(
        self, name: str, version: int, folder: Path, status: VersionStatus
    ) -> None:
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
            "model %r version %d does not load%s: %s",
            name,
            version,
            "; given up" if given_up else "; will retry",
            error,
        )
        if given_up:
            self._table.update(
                status, state="END", code="NOT_FOUND", message=str(error)
            )

    def _drop_unwanted(self, name: str, wanted: list[int]) -> None:
        versions = self._table.versions(name)
        ready = any(versions[v].state == "AVAILABLE" for v in wanted)
        if wanted and not ready:
            return
        for version, status in versions.items():
            if version not in wanted:
                self._unload(status)

    def _drop_all(self, name: str) -> None:
        for status in self._table.versions(name).values():
            self._unload(status)

    def _unload(self, status: VersionStatus) -> None:
        servable = status.servable
        if servable is None:
            # Forgets a failed load: the version may come back repaired.
            if status.state != "END" or status.failed:
                self._table.update(status, state="END", code="OK", message="")
            return
        self._table.update(status, state="UNLOADING", servable=None)
        servable.retire()
        self._table.update(status, state="END")
        LOG.info(
            "model %r version %d is unloaded", servable.model, servable.version
        )
        del servable
        _freeze()

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
            version = self._labelled(name, label)
        servable = self._table.acquire(name, version)
        try:
            yield servable
        finally:
            servable.release()

    def _labelled(self, name: str, label: str) -> int:
        config = self._configs.get(name)
        if config is None or label not in config.labels:
            raise invalid(
                f"Unrecognized servable version label: {label} (model {name})"
            )
        return config.labels[label]

    def wait_available(self, timeout: float | None = None) -> None:
        """Waits until every model has a version AVAILABLE.

        Args:
            timeout: Longest wait in seconds; None to wait for ever.

        Raises:
            ServingError: If a model can't be loaded or time is up.
        """
        done = self._table.wait_for(self._ready_or_failed, timeout)
        broken = [
            f"{name}: {self._failure(name)}"
            for name in self._configs
            if not self._table.is_available(name)
        ]
        if broken:
            prefix = "" if done else f"after {timeout} s "
            raise ServingError(
                f"{prefix}not every model is available: {'; '.join(broken)}"
            )

    def _ready_or_failed(self) -> bool:
        return all(
            self._table.is_available(name) or self._gave_up(name)
            for name in self._configs
        )

    def _gave_up(self, name: str) -> bool:
        return any(s.failed for s in self._table.versions(name).values())

    def _failure(self, name: str) -> str:
        for version, status in self._table.versions(name).items():
            if status.failed:
                return f"version {version}: {status.message}"
        return f"no version under {self._configs[name].base_path}"

    def reload(self, configs: list[ModelConfig], timeout: float | None) -> None:
        """Replaces the whole list of models.

        Args:
            configs: The new list; models that it leaves out are unloaded.
            timeout: Longest wait, in seconds, for the new models.

        Raises:
            StatusError: FAILED_PRECONDITION for a label on a version that
                is not available.
            ServingError: If a new model does not become available.
        """
        for config in configs:
            self._check_labels(config)
        with self._poll_lock:
            self._configs = {config.name: config for config in configs}
        self.poll()
        self.wait_available(timeout)

    def _check_labels(self, config: ModelConfig) -> None:
        versions = self._table.versions(config.name)
        for label, version in config.labels.items():
            status = versions.get(version)
            if status is None or status.state != "AVAILABLE":
                raise StatusError(
                    "FAILED_PRECONDITION",
                    f"Label {label!r} of model {config.name!r} points to "
                    f"version {version}, which is not available",
                )


def _freeze() -> None:
    # TensorFlow's objects make every full collection take 0.2 s; frozen,
    # they are skipped until models change again.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
