"""Checks a weights file: plain numeric arrays inside the file, no links."""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import keras

from metazoo.errors import PresetError

_KINDS = "biufcV"


def check_weights(path: Path) -> None:
    """Refuses an HDF5 file that could reach outside or exhaust memory.

    Args:
        path: The ``model.weights.h5`` of a preset.

    Raises:
        PresetError: If it is no HDF5 file, or holds an external or soft link,
            an external or virtual array, objects or text, or an array that
            declares more bytes than the file has; names the place.
    """
    try:
        with h5py.File(path, "r") as file:
            _check_group(path, file, set())
    except (OSError, RuntimeError, KeyError) as error:
        raise PresetError(
            f"{path}: not a readable HDF5 file: {error}"
        ) from error


def ensure_built(learner: keras.Model) -> None:
    """Builds a learner that can be built without an example.

    Args:
        learner: A learner; its weights exist afterwards.

    Raises:
        PresetError: If it needs an example to be built.
    """
    if learner.built:
        return
    try:
        learner.build()
    except TypeError as error:
        raise PresetError(
            f"learner: this {type(learner).__name__} is not built; build it "
            "first, e.g. by calling it once on an episode"
        ) from error


def count_parameters(learner: keras.Model) -> int:
    """Number of scalars in all weights of a learner.

    Args:
        learner: A built learner.

    Returns:
        The number, trainable or not.
    """
    return sum(math.prod(weight.shape) for weight in learner.weights)


def _check_group(path: Path, group: h5py.Group, seen: set[int]) -> None:
    address = h5py.h5o.get_info(group.id).addr
    if address in seen:
        raise PresetError(f"{path}: {group.name} occurs twice; refused")
    seen.add(address)
    for name in group:
        link = group.get(name, getlink=True)
        place = f"{group.name.rstrip('/')}/{name}"
        if not isinstance(link, h5py.HardLink):
            raise PresetError(
                f"{path}: {place} is a {type(link).__name__}; links are refused"
            )
        item = group[name]
        if isinstance(item, h5py.Group):
            _check_group(path, item, seen)
        elif isinstance(item, h5py.Dataset):
            _check_array(path, place, item)
        else:
            raise PresetError(f"{path}: {place} is no array; refused")


def _check_array(path: Path, place: str, item: h5py.Dataset) -> None:
    if item.external or item.is_virtual:
        raise PresetError(f"{path}: {place} lies in another file; refused")
    if item.dtype.kind not in _KINDS or item.dtype.hasobject:
        raise PresetError(
            f"{path}: {place} has dtype {item.dtype}, expected numbers"
        )
    if item.shape is None:
        raise PresetError(f"{path}: {place} is empty; refused")
    declared = math.prod(item.shape) * item.dtype.itemsize
    if declared > path.stat().st_size:
        raise PresetError(
            f"{path}: {place} declares {declared} bytes, more than the file "
            "has; refused"
        )
