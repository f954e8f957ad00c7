"""Copies the files of a preset from the model hubs, with their libraries."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

from metazoo.errors import PresetError
from metazoo.presets.format import FILE_NAMES, SIZE_LIMITS
from metazoo.presets.handles import Handle

_CHUNK = 1 << 20


def copy_from_hub(handle: Handle, target: Path) -> None:
    """Copies the four files of a preset out of a hub.

    Args:
        handle: A handle of scheme ``hf``, ``kaggle`` or ``gs``.
        target: An existing directory.

    Raises:
        ImportError: If the hub's library is not installed; names the extra.
        PresetError: If the hub does not give the preset.
    """
    readers = {"hf": _from_hf, "kaggle": _from_kaggle, "gs": _from_gs}
    readers[handle.scheme](handle.location, target)


def import_hub(name: str) -> ModuleType:
    """Imports an optional library of the ``hub`` extra.

    Args:
        name: ``"huggingface_hub"`` or ``"kagglehub"``.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"this handle needs {name}; install it with "
            "'pip install \"metazoo[hub]\"'"
        ) from error


def gfile() -> Any:
    """TensorFlow's file system layer, if it reaches Google Cloud Storage.

    Returns:
        ``tf.io.gfile``.

    Raises:
        PresetError: If this TensorFlow has no ``gs`` file system.
    """
    import tensorflow as tf

    if "gs" not in tf.io.gfile.get_registered_schemes():
        raise PresetError(
            "this TensorFlow has no gs:// file system; copy the preset to a "
            "local folder (gsutil cp) and load that"
        )
    return tf.io.gfile


def _from_hf(location: str, target: Path) -> None:
    hub = import_hub("huggingface_hub")
    repository, _, revision = location.partition("@")
    try:
        folder = hub.snapshot_download(
            repo_id=repository,
            revision=revision or None,
            allow_patterns=list(FILE_NAMES),
        )
    except Exception as error:
        raise PresetError(f"hf://{location}: {error}") from error
    _copy_folder(Path(folder), target, f"hf://{location}")


def _from_kaggle(location: str, target: Path) -> None:
    hub = import_hub("kagglehub")
    try:
        folder = hub.model_download(location)
    except Exception as error:
        raise PresetError(f"kaggle://{location}: {error}") from error
    _copy_folder(Path(folder), target, f"kaggle://{location}")


def _from_gs(location: str, target: Path) -> None:
    files = gfile()
    for name in FILE_NAMES:
        address = f"gs://{location.rstrip('/')}/{name}"
        try:
            with files.GFile(address, "rb") as source:
                _copy_limited(source, target / name, address)
        except PresetError:
            raise
        except Exception as error:
            raise PresetError(f"{address}: {error}") from error


def _copy_folder(folder: Path, target: Path, label: str) -> None:
    """Copies contents, since a hub's own cache is made of links."""
    for name in FILE_NAMES:
        if not (folder / name).is_file():
            raise PresetError(f"{label} is not a preset: {name} missing")
        shutil.copyfile(folder / name, target / name)


def _copy_limited(source: Any, target: Path, label: str) -> None:
    size = 0
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > SIZE_LIMITS[target.name]:
                raise PresetError(f"{label} is larger than its limit")
            file.write(chunk)
