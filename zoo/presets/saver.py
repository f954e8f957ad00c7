"""Writes a learner as a preset directory, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from metazoo.errors import PresetError
from metazoo.presets.cache import write_directory
from metazoo.presets.card import model_card
from metazoo.presets.format import (
    CARD_NAME,
    CONFIG_NAME,
    FORMAT_VERSION,
    HASHED_NAMES,
    METADATA_NAME,
    WEIGHTS_NAME,
    PresetMetadata,
    hash_file,
)
from metazoo.presets.safety import check_config
from metazoo.presets.weights import count_parameters, ensure_built
from metazoo.registry import MethodSpec, methods

_COMPUTED = (
    "class_name",
    "files",
    "format_version",
    "method",
    "parameter_count",
    "versions",
)


def save_to_preset(
    learner: keras.Model,
    directory: str | Path,
    metadata: PresetMetadata | Mapping[str, Any],
    overwrite: bool = False,
    trusted_packages: Collection[str] = (),
) -> Path:
    """Writes a learner as config, weights, metadata and model card.

    Args:
        learner: A built learner of a registered method.
        directory: The directory to make.
        metadata: Fields of ``PresetMetadata``. ``dataset`` is required;
            ``preset`` defaults to the directory's name. Method, class,
            versions, number of parameters and hashes are filled in here.
        overwrite: Whether an existing directory may be replaced.
        trusted_packages: Top-level packages whose registered Keras classes
            the learner may hold; whoever loads it must name them too.

    Returns:
        The directory.

    Raises:
        PresetError: If the learner is of no registered method, can't be
            built, holds a layer a preset may not hold, the metadata is
            malformed, or the directory exists and ``overwrite`` is not set.
    """
    target = Path(directory)
    spec = method_of(type(learner))
    ensure_built(learner)
    config = learner_config(learner)
    check_config(config, trusted_packages)
    full = _complete(learner, spec, target, metadata)

    def write(temporary: Path) -> None:
        _write_json(temporary / CONFIG_NAME, config)
        learner.save_weights(temporary / WEIGHTS_NAME)
        (temporary / CARD_NAME).write_text(model_card(full), encoding="utf-8")
        files = {name: hash_file(temporary / name) for name in HASHED_NAMES}
        whole = dataclasses.replace(full, files=files)
        _write_json(temporary / METADATA_NAME, whole.to_dict())

    return write_directory(target, write, overwrite)


def learner_config(learner: keras.Model) -> dict[str, Any]:
    """What ``config.json`` holds: class and constructor arguments.

    Args:
        learner: A learner.

    Returns:
        Its Keras config, less optimizer, loss and metrics, in JSON types.

    Raises:
        PresetError: If JSON can't hold it.
    """
    config = keras.saving.serialize_keras_object(learner)
    return json.loads(_to_json(_without_compile(config)))


def method_of(learner_class: type) -> MethodSpec:
    """The registered method whose model a class is.

    Args:
        learner_class: Class of a learner.

    Returns:
        The method.

    Raises:
        PresetError: If no registered method has this class.
    """
    target = f"{learner_class.__module__}:{learner_class.__name__}"
    for spec in methods().values():
        if target in spec.models.values():
            return spec
    raise PresetError(
        f"learner: {learner_class.__module__}.{learner_class.__name__} is not "
        "the model of a registered method; register it (metazoo.registry)"
    )


def _complete(
    learner: keras.Model,
    spec: MethodSpec,
    target: Path,
    metadata: PresetMetadata | Mapping[str, Any],
) -> PresetMetadata:
    if isinstance(metadata, PresetMetadata):
        metadata = metadata.to_dict()
    given = {k: v for k, v in metadata.items() if k not in _COMPUTED}
    if metadata.get("method", spec.name) not in ("", spec.name):
        raise PresetError(
            f"metadata: method is {metadata['method']!r}, but the learner is "
            f"a {spec.class_name} of {spec.name!r}"
        )
    found = {
        "preset": target.name,
        **given,
        "method": spec.name,
        "class_name": type(learner).__name__,
        "versions": _versions(),
        "parameter_count": count_parameters(learner),
        "format_version": FORMAT_VERSION,
    }
    return PresetMetadata.from_dict(json.loads(_to_json(found)))


def _versions() -> dict[str, str]:
    return {
        "metazoo": version("metazoo"),
        "keras": keras.version(),
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _without_compile(node: Any) -> Any:
    """The config less its training state, which a preset does not carry."""
    if isinstance(node, dict):
        return {
            key: _without_compile(value)
            for key, value in node.items()
            if key != "compile_config"
        }
    if isinstance(node, (list, tuple)):
        return [_without_compile(value) for value in node]
    return node


def _to_json(value: Any) -> str:
    try:
        return json.dumps(value, indent=2, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PresetError(f"metadata or config: {error}") from error


def _write_json(path: Path, value: Any) -> None:
    path.write_text(_to_json(value) + "\n", encoding="utf-8")
