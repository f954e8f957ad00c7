"""Which models to serve, and which of their versions."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metazoo.errors import ServingError
from metazoo.serving.publish import LARGEST_VERSION
from metazoo.serving.status import StatusError, invalid

# What REST can address between `/labels/` and the next `/` or `:`.
_LABEL = re.compile(r"[^/:\s%]+")


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Attributes:
        name: Name on the wire.
        base_path: Folder that holds the version folders.
        latest: Serve this many of the highest versions; 0 for all.
        specific: Serve exactly these versions instead; none of them if
            empty.
        labels: Label -> version.
    """

    name: str
    base_path: Path
    latest: int = 1
    specific: tuple[int, ...] | None = None
    labels: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks name, policy and labels.

        Raises:
            StatusError: INVALID_ARGUMENT that says what is wrong.
        """
        if not self.name:
            raise invalid("A model in the config has no name")
        if self.latest < 0:
            raise invalid(
                f"Model {self.name!r}: latest must be at least 0; got "
                f"{self.latest}"
            )
        for label, version in self.labels.items():
            self._check_label(label, version)

    def _check_label(self, label: str, version: int) -> None:
        if not _LABEL.fullmatch(label):
            raise invalid(
                f"Model {self.name!r}: a version label must be at least one "
                f"character, none of them '/', ':', '%' or a space; got "
                f"{label!r}"
            )
        if not 0 <= version <= LARGEST_VERSION:
            raise invalid(
                f"Model {self.name!r}: label {label!r} points to {version}, "
                "which is no version"
            )

    def wanted(self, present: Iterable[int]) -> list[int]:
        """Picks the versions to serve, highest first.

        Args:
            present: The versions that exist.
        """
        ordered = sorted(present, reverse=True)
        if self.specific is not None:
            return [version for version in ordered if version in self.specific]
        return ordered[: self.latest] if self.latest else ordered


def from_mapping(models: Mapping[str, str | Path]) -> list[ModelConfig]:
    """Makes configs from name -> base folder."""
    return [
        ModelConfig(name, Path(path).absolute())
        for name, path in models.items()
    ]


def from_file(path: str | Path) -> list[ModelConfig]:
    """Reads a models.config in protobuf text format.

    Args:
        path: The file.

    Returns:
        One config for each model.

    Raises:
        ServingError: If the file can't be read, is malformed, or asks for
            what TensorFlow Serving refuses; names the file.
    """
    from tensorflow_serving.config import model_server_config_pb2

    from metazoo.serving.config_protos import read_text

    message = read_text(path, model_server_config_pb2.ModelServerConfig)
    try:
        return from_proto(message)
    except StatusError as error:
        raise ServingError(f"{path}: {error.message}") from error


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
        raise invalid("only a model_config_list is supported")
    configs = [_model(entry) for entry in config.model_config_list.config]
    names = [entry.name for entry in configs]
    for name in names:
        if names.count(name) > 1:
            raise invalid(f"Duplicate model name: {name}")
    return configs


def _model(entry: Any) -> ModelConfig:
    _check_platform(entry)
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


def _check_platform(entry: Any) -> None:
    platform = entry.model_platform
    # The field of old configs, an enum in which TENSORFLOW is 1.
    if entry.model_type:
        if platform:
            raise invalid(
                f"Model {entry.name!r} has both model_type and model_platform"
            )
        platform = "tensorflow" if entry.model_type == 1 else "other"
    if not platform:
        raise invalid(f"Model {entry.name!r} has no model_platform")
    if platform != "tensorflow":
        raise invalid(
            f"Model {entry.name!r}: model_platform is {platform!r}; expected "
            "'tensorflow'"
        )


def _policy(policy: Any) -> dict[str, Any]:
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return {"latest": 0}
    if choice == "specific":
        return {"specific": tuple(policy.specific.versions)}
    return {"latest": policy.latest.num_versions or 1}
