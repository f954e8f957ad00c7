"""Where every version of every model stands; safe for many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from metazoo.serving.server.servable import Servable
from metazoo.serving.status import StatusError


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


class VersionTable:
    """The statuses by model and version.

    Each version is changed by one thread at a time; any number of threads
    look things up.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._changed = threading.Condition()
        self._models: dict[str, dict[int, VersionStatus]] = {}

    def names(self) -> list[str]:
        """Lists the models that were ever served."""
        with self._changed:
            return list(self._models)

    def versions(self, name: str) -> dict[int, VersionStatus]:
        """Lists a model's versions, highest first; none if unknown."""
        with self._changed:
            return dict(sorted(self._models.get(name, {}).items())[::-1])

    def begin(self, name: str, version: int) -> VersionStatus:
        """Returns the status of a version that is to be served.

        A version that was unloaded starts anew; one that was given up stays
        so until it is no longer asked for, and one that is still being
        unloaded is left to it.
        """
        with self._changed:
            versions = self._models.setdefault(name, {})
            status = versions.get(version)
            if status is None or (status.state == "END" and not status.failed):
                status = versions[version] = VersionStatus()
            return status

    def update(self, status: VersionStatus, **fields: object) -> None:
        """Changes a status and wakes up who waits for it."""
        with self._changed:
            for name, value in fields.items():
                setattr(status, name, value)
            self._changed.notify_all()

    def notify(self) -> None:
        """Wakes up who waits for something outside of the table."""
        with self._changed:
            self._changed.notify_all()

    def wait_for(
        self, condition: Callable[[], bool], timeout: float | None
    ) -> bool:
        """Waits until a condition on the table holds."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def is_available(self, name: str) -> bool:
        """Whether a model has a version AVAILABLE."""
        versions = self.versions(name).values()
        return any(status.state == "AVAILABLE" for status in versions)

    def is_settled(self, name: str) -> bool:
        """Whether a model is AVAILABLE, or given up with no try to come."""
        states = [status.state for status in self.versions(name).values()]
        if "AVAILABLE" in states:
            return True
        failed = any(s.failed for s in self.versions(name).values())
        return failed and not {"START", "LOADING"} & set(states)

    def acquire(self, name: str, version: int | None) -> Servable:
        """Counts a user of a loaded version, who must release it.

        Args:
            name: Name of the model.
            version: Its version; None for the highest AVAILABLE one.

        Raises:
            StatusError: NOT_FOUND.
        """
        which = f"Latest({name})"
        if version is not None:
            which = f"Specific({name}, {version})"
        # Under the lock, a servable that is listed is not yet retired, and a
        # newer one is listed before an older one goes.
        with self._changed:
            for number, status in self.versions(name).items():
                matches = version is None or version == number
                servable = status.servable
                if matches and servable is not None and servable.try_acquire():
                    return servable
        raise StatusError(
            "NOT_FOUND", f"Servable not found for request: {which}"
        )
