"""Watches the model folders; loads new versions before old ones go."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metazoo.errors import ServingError
from metazoo.serving.publish import list_versions
from metazoo.serving.server.config import ModelConfig
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.server.servable import Servable
from metazoo.serving.status import StatusError, invalid

LOG = logging.getLogger(__name__)


@dataclass
class VersionStatus:
    """Where one version stands.

    Attributes:
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        code: Status code, OK unless the load failed.
        message: What failed.
        servable: The loaded version while AVAILABLE.
        failures: Loads that failed.
        retry_at: Monotonic time of the next load.
    """

    state: str = "START"
    code: str = "OK"
    message: str = ""
    servable: Servable | None = None
    failures: int = 0
    retry_at: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the version was given up."""
        return self.state == "END" and self.code != "OK"


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
        self._statuses: dict[str, dict[int, VersionStatus]] = {}
        self._changed = threading.Condition()
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
            for versions in list(self._statuses.values()):
                for status in list(versions.values()):
                    self._unload(status)
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
            for name in set(self._statuses) - set(self._configs):
                for status in self._statuses[name].values():
                    self._unload(status)

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
        with self._changed:
            versions = self._statuses.setdefault(name, {})
            status = versions.get(version)
            if status is None or (status.state == "END" and not status.failed):
                status = versions[version] = VersionStatus()
        due = status.retry_at <= time.monotonic()
        if status.state in ("START", "LOADING") and due:
            self._load(name, version, folder, status)

    def _load(
        self, name: str, version: int, folder: Path, status: VersionStatus
    ) -> None:
        self._set(status, state="LOADING")
        started = time.perf_counter()
        try:
            servable = Servable(name, version, folder)
        except Exception as error:
            self._failed(name, version, status, error)
            return
        self._metrics.loaded(folder, time.perf_counter() - started)
        self._set(
            status, state="AVAILABLE", servable=servable, code="OK", message=""
        )
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
            self._set(status, state="END", code="NOT_FOUND", message=str(error))

    def _drop_unwanted(self, name: str, wanted: list[int]) -> None:
        versions = self._statuses.get(name, {})
        ready = any(versions[v].state == "AVAILABLE" for v in wanted)
        if wanted and not ready:
            return
        for version, status in versions.items():
            if version not in wanted:
                self._unload(status)

    def _unload(self, status: VersionStatus) -> None:
        if status.servable is None:
            # Forgets a failed load: the version may come back repaired.
            if status.state != "END" or status.failed:
                self._set(status, state="END", code="OK", message="")
            return
        servable = status.servable
        self._set(status, state="UNLOADING", servable=None)
        servable.retire()
        self._set(status, state="END")
        LOG.info("model %r version %d is unloaded", *_id(servable))
        del servable
        _freeze()

    def _set(self, status: VersionStatus, **fields: object) -> None:
        with self._changed:
            for name, value in fields.items():
                setattr(status, name, value)
            self._changed.notify_all()

    def statuses(self, name: str) -> dict[int, VersionStatus]:
        """Lists a model's versions, highest first.

        Raises:
            StatusError: NOT_FOUND for a model that was never configured.
        """
        with self._changed:
            versions = self._statuses.get(name)
            if versions is None:
                raise StatusError(
                    "NOT_FOUND", f"Could not find any versions of model {name}"
                )
            return dict(sorted(versions.items(), reverse=True))

    def is_configured(self, name: str) -> bool:
        """Whether a model of this name is being served."""
        return name in self._configs

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
        servable = self._acquire(name, version)
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

    def _acquire(self, name: str, version: int | None) -> Servable:
        with self._changed:
            versions = self._statuses.get(name, {})
            for number in sorted(versions, reverse=True):
                servable = versions[number].servable
                matches = version is None or version == number
                if matches and servable is not None and servable.try_acquire():
                    return servable
        which = f"Latest({name})"
        if version is not None:
            which = f"Specific({name}, {version})"
        raise StatusError(
            "NOT_FOUND", f"Servable not found for request: {which}"
        )

    def wait_available(self, timeout: float | None = None) -> None:
        """Waits until every model has a version AVAILABLE.

        Args:
            timeout: Longest wait in seconds; None to wait for ever.

        Raises:
            ServingError: If a model can't be loaded or time is up.
        """
        with self._changed:
            done = self._changed.wait_for(self._ready_or_failed, timeout)
            broken = {
                name: self._failure(name)
                for name in self._configs
                if not self._is_available(name)
            }
        if broken:
            why = "; ".join(f"{name}: {text}" for name, text in broken.items())
            prefix = "" if done else f"after {timeout} s "
            raise ServingError(f"{prefix}not every model is available: {why}")

    def _ready_or_failed(self) -> bool:
        return all(
            self._is_available(name) or self._given_up(name)
            for name in self._configs
        )

    def _is_available(self, name: str) -> bool:
        versions = self._statuses.get(name, {})
        return any(s.state == "AVAILABLE" for s in versions.values())

    def _given_up(self, name: str) -> bool:
        versions = self._statuses.get(name, {})
        return any(s.failed for s in versions.values())

    def _failure(self, name: str) -> str:
        versions = self._statuses.get(name, {})
        for version, status in versions.items():
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
        versions = self._statuses.get(config.name, {})
        for label, version in config.labels.items():
            status = versions.get(version)
            if status is None or status.state != "AVAILABLE":
                raise StatusError(
                    "FAILED_PRECONDITION",
                    f"Label {label!r} of model {config.name!r} points to "
                    f"version {version}, which is not available",
                )


def _id(servable: Servable) -> tuple[str, int]:
    return servable.model, servable.version


def _freeze() -> None:
    # TensorFlow's objects make every full collection take 0.2 s; frozen,
    # they are skipped until models change again.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
