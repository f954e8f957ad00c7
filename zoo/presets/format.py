"""The preset directory: its four files and what ``metadata.json`` says.

Source: KerasHub's preset directories inspired the file names. This module
reads JSON only and imports neither TensorFlow nor Keras.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metazoo.errors import PresetError

FORMAT_VERSION = 1
CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.weights.h5"
METADATA_NAME = "metadata.json"
CARD_NAME = "README.md"
HASHED_NAMES = (CONFIG_NAME, WEIGHTS_NAME, CARD_NAME)
FILE_NAMES = (*HASHED_NAMES, METADATA_NAME)

MIB = 1 << 20
SIZE_LIMITS = {
    CONFIG_NAME: 16 * MIB,
    WEIGHTS_NAME: 16384 * MIB,
    CARD_NAME: 4 * MIB,
    METADATA_NAME: 4 * MIB,
}

PRESET_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class FileInfo:
    """What a file of a preset must be: sha256 in hex, size in bytes."""

    sha256: str
    size: int

    @classmethod
    def from_dict(cls, name: str, found: Any) -> FileInfo:
        """Reads and checks one entry of ``files``.

        Args:
            name: Name of the file the entry is for.
            found: The parsed JSON.

        Returns:
            The entry.

        Raises:
            PresetError: If the name is not one of a preset's files, or the
                hash or size is malformed or above the limit of that file.
        """
        if name not in FILE_NAMES:
            raise PresetError(
                f"files: {name!r} is not a file of a preset; allowed are "
                + ", ".join(FILE_NAMES)
            )
        if not isinstance(found, Mapping):
            raise PresetError(f"files[{name!r}]: got {found!r}, not an object")
        sha256, size = found.get("sha256"), found.get("size")
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise PresetError(
                f"files[{name!r}]: sha256 is {sha256!r}, expected 64 "
                "lower-case hexadecimal digits"
            )
        if type(size) is not int or not 0 < size <= SIZE_LIMITS[name]:
            raise PresetError(
                f"files[{name!r}]: size is {size!r}, expected 1 to "
                f"{SIZE_LIMITS[name]} bytes"
            )
        return cls(sha256, size)


@dataclass(frozen=True)
class PresetMetadata:
    """Everything a preset says about itself besides its weights.

    A row of ``metrics`` is a dictionary with ``dataset``, ``split``, ``ways``,
    ``shots``, ``accuracy`` and ``ci95`` (fractions, 0 to 1), ``episodes``,
    ``seeds``, ``transductive`` and, where the paper has the number,
    ``paper_accuracy`` (fraction).

    Args:
        method: Registered name of the method.
        class_name: Name of the learner's class.
        preset: Name, ``<method>_<backbone>_<dataset>``.
        dataset: Data set the learner was trained on.
        revision: Counts retrained weights of the same preset, from 1.
        description: One line for listings.
        intended_use: What the preset is for, and what it is not for.
        data_licence: Licence of the training data.
        versions: Versions of metazoo, keras, tensorflow, numpy and Python.
        parameter_count: Number of scalars in all weights.
        recipe: Hyper-parameters the learner was trained with.
        episode: Episode setting of training: ways, shots, queries.
        input_spec: ``shape``, ``dtype``, ``value_range``, ``convention``.
        data_fingerprint: sha256 of the training data.
        seed: Seed of the training.
        commit: Source commit the learner was trained at.
        metrics: Evaluation rows, as above.
        hardware: What it was trained and timed on.
        adaptation_ms: Time of one adaptation in milliseconds, if measured.
        files: Hash and size of every other file of the preset.
        format_version: Version of the directory format.
    """

    method: str
    class_name: str
    preset: str
    dataset: str
    revision: int = 1
    description: str = ""
    intended_use: str = ""
    data_licence: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    parameter_count: int = 0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    episode: Mapping[str, Any] = field(default_factory=dict)
    input_spec: Mapping[str, Any] = field(default_factory=dict)
    data_fingerprint: str = ""
    seed: int | None = None
    commit: str = ""
    metrics: tuple[Mapping[str, Any], ...] = ()
    hardware: str = ""
    adaptation_ms: float | None = None
    files: Mapping[str, FileInfo] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes of the files named in ``files``, in bytes."""
        return sum(info.size for info in self.files.values())

    def to_dict(self) -> dict[str, Any]:
        """The metadata as it is written to ``metadata.json``.

        Returns:
            A dictionary that JSON can hold.
        """
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, found: Any) -> PresetMetadata:
        """Checks parsed JSON and makes the metadata from it.

        Args:
            found: The parsed ``metadata.json``.

        Returns:
            The metadata.

        Raises:
            PresetError: If the format is newer than this library reads, or a
                field is unknown, missing or malformed; names the field.
        """
        if not isinstance(found, Mapping):
            raise PresetError(
                f"{METADATA_NAME}: got {type(found).__name__}, not an object"
            )
        _check_version(found.get("format_version"))
        _check_fields(found)
        files = {
            name: FileInfo.from_dict(name, entry)
            for name, entry in found.get("files", {}).items()
        }
        metrics = tuple(found.get("metrics", ()))
        return cls(**{**found, "files": files, "metrics": metrics})

    @classmethod
    def from_json(cls, text: bytes | str) -> PresetMetadata:
        """Parses the content of a ``metadata.json``.

        Args:
            text: Content of the file, UTF-8.

        Returns:
            The metadata.

        Raises:
            PresetError: If it is not JSON, or as ``from_dict`` does.
        """
        return cls.from_dict(parse_json(text, METADATA_NAME))


def parse_json(text: bytes | str, what: str) -> Any:
    """Parses JSON from an untrusted source.

    Args:
        text: The JSON.
        what: Name of the file, for the error.

    Returns:
        The parsed value.

    Raises:
        PresetError: If it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PresetError(f"{what} is not valid JSON: {error}") from error


def hash_file(path: Path) -> FileInfo:
    """Hash and size of a file.

    Args:
        path: The file.

    Returns:
        Its sha256 and its size in bytes.
    """
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileInfo(digest.hexdigest(), size)


def _check_version(found: Any) -> None:
    if type(found) is not int or found < 1:
        raise PresetError(
            f"{METADATA_NAME}: format_version is {found!r}, expected 1 to "
            f"{FORMAT_VERSION}"
        )
    if found > FORMAT_VERSION:
        raise PresetError(
            f"{METADATA_NAME}: format_version {found} is newer than "
            f"{FORMAT_VERSION}, the newest this metazoo reads; upgrade with "
            "'pip install --upgrade metazoo'"
        )


def _check_fields(found: Mapping[str, Any]) -> None:
    fields = {entry.name: entry for entry in dataclasses.fields(PresetMetadata)}
    for name, value in found.items():
        if name not in fields:
            raise PresetError(f"{METADATA_NAME}: unknown field {name!r}")
        expected = _json_type(str(fields[name].type))
        if not isinstance(value, expected) or isinstance(value, bool):
            raise PresetError(
                f"{METADATA_NAME}: field {name!r} is a "
                f"{type(value).__name__}, expected {fields[name].type}"
            )
    for name in ("method", "class_name", "preset", "dataset"):
        if not found.get(name):
            raise PresetError(f"{METADATA_NAME}: field {name!r} is missing")
    if not PRESET_NAME.fullmatch(found["preset"]):
        raise PresetError(
            f"{METADATA_NAME}: preset is {found['preset']!r}, expected snake "
            "case such as 'protonet_conv4_omniglot'"
        )
    for row in found.get("metrics", ()):
        if not isinstance(row, Mapping):
            raise PresetError(f"{METADATA_NAME}: metrics row {row!r}")


def _json_type(annotation: str) -> tuple[type, ...]:
    if annotation.startswith("Mapping"):
        return (Mapping,)
    if annotation.startswith("tuple"):
        return (list, tuple)
    names = {"str": (str,), "int": (int,), "float": (float, int)}
    types: tuple[type, ...] = ()
    for part in annotation.split(" | "):
        types += (type(None),) if part == "None" else names[part]
    return types
