"""Makes a learner from a preset, once everything in it has been checked."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import keras

from metazoo.errors import MetazooError, PresetError
from metazoo.presets.download import Progress
from metazoo.presets.fetching import fetch
from metazoo.presets.format import (
    CONFIG_NAME,
    METADATA_NAME,
    WEIGHTS_NAME,
    PresetMetadata,
    parse_json,
)
from metazoo.presets.progress import ProgressLine
from metazoo.presets.safety import check_config
from metazoo.presets.weights import (
    check_weights,
    count_parameters,
    ensure_built,
)
from metazoo.registry import MethodSpec, get_method


def from_preset(
    handle: str | os.PathLike[str],
    load_weights: bool = True,
    progress: Progress | None = None,
    trusted_packages: Collection[str] = (),
) -> Any:
    """Loads a trained learner; runs no code that the preset brings.

    Args:
        handle: Registered name, folder, or ``https``, ``hf``, ``kaggle`` or
            ``gs`` address.
        load_weights: False gives the architecture with fresh weights.
        progress: Called with a file's name, its bytes so far, and its size or
            None, while a file is downloaded; by default a line on the
            terminal, if there is one.
        trusted_packages: Top-level packages whose registered Keras classes
            the config may name, besides Keras and metazoo.

    Returns:
        The learner, a ``keras.Model``; its ``preset_metadata`` attribute is
        the ``PresetMetadata`` of the preset.

    Raises:
        PresetError: If the preset is unknown, can't be fetched, is damaged,
            of a newer format, of another class, or not safe to load.
    """
    if progress is None and sys.stderr.isatty():
        progress = ProgressLine()
    # `fetch` has verified every byte, so the metadata can be taken as read.
    directory = fetch(handle, progress)
    metadata = PresetMetadata.from_json(
        (directory / METADATA_NAME).read_bytes()
    )
    spec = _method(directory, metadata)
    config = parse_json((directory / CONFIG_NAME).read_bytes(), CONFIG_NAME)
    _check_class(directory, config, metadata, spec)
    check_config(config, trusted_packages)
    if load_weights:
        check_weights(directory / WEIGHTS_NAME)
    made = spec.load_class(metadata.class_name)
    learner = _deserialize(directory, config, made)
    if load_weights:
        _load_weights(learner, directory, metadata)
    # Past Keras's attribute tracking, which would wrap its dictionaries.
    object.__setattr__(learner, "preset_metadata", metadata)
    return learner


def _method(directory: Path, metadata: PresetMetadata) -> MethodSpec:
    try:
        spec = get_method(metadata.method)
    except MetazooError as error:
        raise PresetError(f"{directory}: {error}") from error
    try:
        spec.load_class(metadata.class_name)
    except MetazooError as error:
        raise PresetError(
            f"{directory}: holds a {metadata.class_name}, but the model of "
            f"method {spec.name!r} is {spec.class_name}"
        ) from error
    return spec


def _check_class(
    directory: Path, config: Any, metadata: PresetMetadata, spec: MethodSpec
) -> None:
    """Compares the config's outermost class with that of the method."""
    found = config.get("class_name") if isinstance(config, dict) else config
    if found != metadata.class_name:
        raise PresetError(
            f"{directory}: {CONFIG_NAME} is of class {found!r}, expected "
            f"{metadata.class_name!r} of method {spec.name!r}"
        )
    expected = keras.saving.get_registered_name(
        spec.load_class(metadata.class_name)
    )
    if config.get("registered_name") != expected:
        raise PresetError(
            f"{directory}: {CONFIG_NAME} has registered_name "
            f"{config.get('registered_name')!r}, expected {expected!r}"
        )


def _deserialize(directory: Path, config: Any, expected: type) -> Any:
    try:
        learner = keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:
        # A config of somebody else may fail anywhere in a constructor.
        raise PresetError(
            f"{directory}: {CONFIG_NAME} makes no {expected.__name__}: {error}"
        ) from error
    if type(learner) is not expected:
        raise PresetError(
            f"{directory}: made a {type(learner).__name__}, expected a "
            f"{expected.__name__}"
        )
    ensure_built(learner)
    return learner


def _load_weights(
    learner: Any, directory: Path, metadata: PresetMetadata
) -> None:
    path = directory / WEIGHTS_NAME
    try:
        with warnings.catch_warnings():
            # Keras only warns where it leaves a layer with fresh weights.
            warnings.filterwarnings("error", message="Skipping")
            learner.load_weights(path)
    except (TypeError, ValueError, KeyError, OSError, UserWarning) as error:
        raise PresetError(
            f"{path} does not fit the {metadata.class_name} of {CONFIG_NAME}: "
            f"{error}"
        ) from error
    found = count_parameters(learner)
    if found != metadata.parameter_count:
        raise PresetError(
            f"{directory}: the learner has {found} parameters, expected "
            f"{metadata.parameter_count}"
        )
