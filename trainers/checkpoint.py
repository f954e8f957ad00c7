"""Checkpoints on disk: whole or absent, checked when they are read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from metazoo.errors import CheckpointError, TrainingError
from metazoo.presets.cache import replace_directory
from metazoo.whole_files import sync

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"
ARRAYS_NAME = "arrays.npz"
_PREFIX = "step-"
_TEMPORARY = ".tmp-"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training run after a step.

    Attributes:
        step: number of steps done.
        identity: what a resumed run must have in common with this one, in
            JSON types.
        arrays: name to value of every variable.
        path: where it was read from, or None.
    """

    step: int
    identity: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    path: Path | None = field(default=None, compare=False)


class CheckpointFolder:
    """The last few checkpoints of one run, in `step-NNNNNNNNNN` folders.

    A checkpoint is written beside its place, flushed to disk and renamed, so
    a killed process leaves none that is half-written; hashes find what the
    disk damaged.
    """

    def __init__(self, directory: str | os.PathLike[str], keep: int = 2):
        """Touches no file.

        Args:
            directory: the folder; made when the first one is written.
            keep: how many checkpoints to keep.

        Raises:
            TrainingError: `keep` is below 1.
        """
        if keep < 1:
            raise TrainingError(f"keep must be 1 or more; got {keep}.")
        self.directory = Path(directory)
        self.keep = keep

    def paths(self) -> list[Path]:
        """Folders of the checkpoints, the oldest first."""
        return sorted(self.directory.glob(f"{_PREFIX}*"))

    def write(self, checkpoint: Checkpoint) -> Path:
        """Writes a checkpoint and removes those beyond `keep`.

        Args:
            checkpoint: what to write.

        Returns:
            Its folder.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._remove_temporary()
        temporary = self._temporary()
        temporary.mkdir()
        _write_files(temporary, checkpoint)
        target = self.directory / f"{_PREFIX}{checkpoint.step:010d}"
        # In one step, also over an older one of the same step.
        replace_directory(temporary, target)
        for path in self.paths()[: -self.keep]:
            self._remove(path)
        return target

    def latest(self) -> Checkpoint | None:
        """Reads the newest checkpoint that is whole.

        Warns of every damaged one it passes over.

        Returns:
            The checkpoint, or None where there is none at all.

        Raises:
            CheckpointError: there are some, and all are damaged.
        """
        damaged = []
        for path in reversed(self.paths()):
            try:
                return read_checkpoint(path)
            except CheckpointError as error:
                warnings.warn(
                    f"{error} Falling back to the checkpoint before it.",
                    stacklevel=2,
                )
                damaged.append(path.name)
        if damaged:
            raise CheckpointError(
                f"All checkpoints in {self.directory} are damaged: {damaged}. "
                "Remove the folder to start over."
            )
        return None

    def _temporary(self) -> Path:
        return self.directory / f"{_TEMPORARY}{uuid.uuid4().hex}"

    def _remove(self, path: Path) -> None:
        # Renamed first, so that no half-removed checkpoint is ever found.
        temporary = self._temporary()
        os.rename(path, temporary)
        shutil.rmtree(temporary)

    def _remove_temporary(self) -> None:
        for path in self.directory.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(path)


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads and verifies one checkpoint.

    Args:
        path: its folder.

    Returns:
        The checkpoint.

    Raises:
        CheckpointError: a file is missing, damaged, or of a newer format.
    """
    manifest = _read_manifest(path / MANIFEST_NAME)
    arrays_path = path / ARRAYS_NAME
    try:
        digest = _sha256(arrays_path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"Can't read {arrays_path}: {error}.") from error
    if digest != manifest["arrays_sha256"]:
        raise CheckpointError(
            f"{arrays_path} is damaged: its sha256 is not the manifest's."
        )
    return Checkpoint(
        step=manifest["step"],
        identity=manifest["identity"],
        arrays=_read_arrays(arrays_path, manifest["arrays"]),
        path=path,
    )


def check_identity(
    found: Mapping[str, Any], expected: Mapping[str, Any], path: Any
) -> None:
    """Refuses to go on with the checkpoint of another run.

    Args:
        found: identity in the checkpoint.
        expected: identity of this run.
        path: the checkpoint, for the error.

    Raises:
        CheckpointError: a field differs; names it.
    """
    old, new = _flatten(found), _flatten(as_json(expected))
    # Another class explains every other difference.
    names = sorted({*old, *new}, key=lambda n: (not n.endswith("class"), n))
    for name in names:
        if old.get(name) != new.get(name):
            raise CheckpointError(
                f"Checkpoint {path} is of another run: {name} was "
                f"{old.get(name)!r} and is {new.get(name)!r} now. Restore "
                "the setting, or train in another folder."
            )


def as_json(value: Any) -> Any:
    """What a value is after a round trip through JSON.

    Args:
        value: anything JSON can hold.
    """
    return json.loads(json.dumps(value))


def _write_files(folder: Path, checkpoint: Checkpoint) -> None:
    arrays = {name: np.asarray(v) for name, v in checkpoint.arrays.items()}
    names = list(arrays)
    # npz knows no bfloat16; the manifest has the real dtypes.
    stored: dict[str, Any] = {
        f"a{i}": _storable(arrays[n]) for i, n in enumerate(names)
    }
    with open(folder / ARRAYS_NAME, "wb") as file:
        np.savez(file, **stored)
        _flush(file)
    body = {
        "format_version": FORMAT_VERSION,
        "step": checkpoint.step,
        "identity": as_json(checkpoint.identity),
        "arrays": [[name, str(arrays[name].dtype)] for name in names],
        "arrays_sha256": _sha256((folder / ARRAYS_NAME).read_bytes()),
    }
    body["sha256"] = _sha256(_canonical(body))
    with open(folder / MANIFEST_NAME, "wb") as file:
        file.write(json.dumps(body, indent=1, sort_keys=True).encode())
        _flush(file)
    sync(folder)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_bytes())
        claimed = manifest.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"Can't read {path}: {error!r}.") from error
    if claimed != _sha256(_canonical(manifest)):
        raise CheckpointError(f"{path} is damaged: its sha256 is wrong.")
    if manifest["format_version"] > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {manifest['format_version']}; this metazoo "
            f"reads up to {FORMAT_VERSION}."
        )
    return manifest


def _read_arrays(path: Path, names: list[list[str]]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {
                name: stored[f"a{i}"].view(_dtype(dtype))
                for i, (name, dtype) in enumerate(names)
            }
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"Can't read {path}: {error}.") from error


def _storable(array: np.ndarray) -> np.ndarray:
    return array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array


def _dtype(name: str) -> np.dtype:
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flatten(item, f"{prefix}.{key}" if prefix else key)
    return flat


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
