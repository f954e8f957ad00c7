"""Writes models.config, the list of models of TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from metazoo.serving.config_protos import write_text
from metazoo.serving.extras import require
from metazoo.serving.server.config import ModelConfig

PLATFORM = "tensorflow"


def models_config(configs: Iterable[ModelConfig]) -> str:
    """Writes the file in protobuf text format.

    Args:
        configs: The models; base paths must be absolute.

    Returns:
        The text, which `server.config.from_proto` reads back.
    """
    return write_text(to_proto(configs))


def to_proto(configs: Iterable[ModelConfig]) -> Any:
    """Makes the ModelServerConfig that the reload RPC takes too.

    Args:
        configs: The models; base paths must be absolute.
    """
    messages = require("tensorflow_serving.config.model_server_config_pb2")
    message = messages.ModelServerConfig()
    for config in configs:
        entry = message.model_config_list.config.add(
            name=config.name,
            base_path=str(config.base_path),
            model_platform=PLATFORM,
        )
        _set_policy(entry.model_version_policy, config)
        for label in sorted(config.labels):
            entry.version_labels[label] = config.labels[label]
    return message


def _set_policy(policy: Any, config: ModelConfig) -> None:
    if config.specific is not None:
        policy.specific.SetInParent()
        policy.specific.versions.extend(config.specific)
    elif config.latest:
        policy.latest.num_versions = config.latest
    else:
        policy.all.SetInParent()
