"""Which models to serve, and which of their versions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metazoo.serving.status import invalid


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Attributes:
        name: Name on the wire.
        base_path: Folder that holds the version folders.
        latest: Serve this many of the highest versions; 0 for all.
        specific: Serve exactly these versions instead.
        labels: Label -> version.
    """

    name: str
    base_path: Path
    latest: int = 1
    specific: tuple[int, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)

    def wanted(self, present: Iterable[int]) -> list[int]:
        """Picks the versions to serve, highest first.

        Args:
            present: The versions that exist.
        """
        ordered = sorted(present, reverse=True)
        if self.specific:
            return [version for version in ordered if version in self.specific]
        return ordered[: self.latest] if self.latest else ordered


def from_mapping(models: Mapping[str, str | Path]) -> list[ModelConfig]:
    """Makes configs from name -> base folder."""
    return [
        ModelConfig(name, Path(path).absolute())
        for name, path in models.items()
    ]


def from_proto(config: Any) -> list[ModelConfig]:
    """Reads a ModelServerConfig.

    Args:
        config: The message.

    Returns:
        One config for each model.

    Raises:
        StatusError: INVALID_ARGUMENT for what TensorFlow Serving refuses.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid("ServerCore only supports model_config_list")
    configs = [_model(entry) for entry in config.model_config_list.config]
    names = [entry.name for entry in configs]
    for name in names:
        if names.count(name) > 1:
            raise invalid(f"Duplicate model name: {name}")
    return configs


def _model(entry: Any) -> ModelConfig:
    if not entry.name:
        raise invalid("A model in the config has no name")
    if not entry.model_platform:
        raise invalid(f"Model {entry.name!r} has no model_platform")
    if entry.model_platform != "tensorflow":
        raise invalid(
            f"Model {entry.name!r}: model_platform is "
            f"{entry.model_platform!r}; expected 'tensorflow'"
        )
    if not os.path.isabs(entry.base_path):
        raise invalid(
            f"Expected model {entry.name} to have an absolute path; "
            f"got base_path {entry.base_path!r}"
        )
    return ModelConfig(
        entry.name,
        Path(entry.base_path),
        labels=dict(entry.version_labels),
        **_policy(entry.model_version_policy),
    )


def _policy(policy: Any) -> dict[str, Any]:
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return {"latest": 0}
    if choice == "specific":
        return {"specific": tuple(policy.specific.versions)}
    return {"latest": policy.latest.num_versions or 1}
