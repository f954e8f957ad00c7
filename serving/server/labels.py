"""Labels of versions, which move only by a change of the config."""

from __future__ import annotations

from collections.abc import Iterable

from metazoo.serving.server.config import ModelConfig
from metazoo.serving.server.table import VersionTable
from metazoo.serving.status import StatusError, invalid


class Labels:
    """Model and label -> version."""

    def __init__(self, table: VersionTable, allow_unavailable: bool) -> None:
        """Starts without labels.

        Args:
            table: Where the versions stand.
            allow_unavailable: Whether a label that is new may point to a
                version that is not available yet.
        """
        self._table = table
        self._allow_unavailable = allow_unavailable
        self._versions: dict[tuple[str, str], int] = {}

    def assign(self, configs: Iterable[ModelConfig]) -> None:
        """Replaces all labels by those of the configs.

        Raises:
            StatusError: FAILED_PRECONDITION for a label on a version that is
                not available; then nothing changes.
        """
        found = {}
        for config in configs:
            for label, version in config.labels.items():
                self._check(config.name, label, version)
                found[config.name, label] = version
        self._versions = found

    def _check(self, name: str, label: str, version: int) -> None:
        status = self._table.versions(name).get(version)
        if status is not None and status.state == "AVAILABLE":
            return
        moves = self._versions.get((name, label), version) != version
        if self._allow_unavailable and not moves:
            return
        hint = (
            "; a label that exists moves to versions that are loaded"
            if self._allow_unavailable
            else "; load the version first, or allow version labels for "
            "unavailable models"
        )
        raise StatusError(
            "FAILED_PRECONDITION",
            f"Label {label!r} of model {name!r} points to version {version}, "
            f"which is not available{hint}",
        )

    def version(self, name: str, label: str) -> int:
        """Looks a label up.

        Raises:
            StatusError: INVALID_ARGUMENT for an unknown one.
        """
        found = self._versions.get((name, label))
        if found is None:
            raise invalid(
                f"Unrecognized servable version label: {label} (model {name})"
            )
        return found
