"""Lists the presets of every registered method, from JSON alone."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metazoo.errors import PresetError
from metazoo.nearest import nearest_text
from metazoo.presets.format import (
    FILE_NAMES,
    METADATA_NAME,
    FileInfo,
    PresetMetadata,
    parse_json,
)
from metazoo.registry import MethodSpec, get_method, methods

REMOTE_NAME = "remote.json"


@dataclass(frozen=True)
class RemoteFile:
    """Where a file of a remote preset lies, and what it must be."""

    url: str
    info: FileInfo


@dataclass(frozen=True)
class PresetInfo:
    """One line of ``list_presets``: a preset and where it comes from.

    Args:
        method: Registered name of the method.
        preset: Name of the preset.
        metadata: What its ``metadata.json`` says.
        directory: Its folder, where it ships with the package.
        remote: Its files, where it must be fetched.
    """

    method: str
    preset: str
    metadata: PresetMetadata
    directory: Path | None = None
    remote: Mapping[str, RemoteFile] = field(default_factory=dict)

    @property
    def dataset(self) -> str:
        """Data set the learner was trained on."""
        return self.metadata.dataset

    @property
    def description(self) -> str:
        """One line about the preset."""
        return self.metadata.description

    @property
    def revision(self) -> int:
        """Counts retrained weights of the same preset, from 1."""
        return self.metadata.revision

    @property
    def size_bytes(self) -> int:
        """Size of the preset's files in bytes."""
        if self.remote:
            return sum(file.info.size for file in self.remote.values())
        size = self.metadata.size_bytes
        if self.directory is not None:
            size += (self.directory / METADATA_NAME).stat().st_size
        return size

    @property
    def accuracy(self) -> str:
        """The evaluation rows in short, as in ``5w1s 98.2±0.1``.

        Where they are of several data sets, each names its own.
        """
        rows = [
            row
            for row in self.metadata.metrics
            if {"ways", "shots", "accuracy", "ci95"} <= row.keys()
        ]
        several = len({row.get("dataset") for row in rows}) > 1
        return ", ".join(
            (f"{row.get('dataset')} " if several else "")
            + f"{row['ways']}w{row['shots']}s {100 * row['accuracy']:.1f}"
            f"±{100 * row['ci95']:.1f}"
            for row in rows
        )

    def to_dict(self) -> dict[str, Any]:
        """The line as JSON can hold it.

        Returns:
            Method, preset, data set, size in bytes, description, revision,
            source (``"shipped"`` or ``"remote"``), number of parameters,
            accuracy in short, and the evaluation rows.
        """
        return {
            "method": self.method,
            "preset": self.preset,
            "dataset": self.dataset,
            "size_bytes": self.size_bytes,
            "description": self.description,
            "revision": self.revision,
            "source": "remote" if self.remote else "shipped",
            "parameter_count": self.metadata.parameter_count,
            "accuracy": self.accuracy,
            "metrics": [dict(row) for row in self.metadata.metrics],
        }


def list_presets(
    method: str | None = None, pattern: str | None = None
) -> list[PresetInfo]:
    """Lists presets by method and name, without importing TensorFlow.

    Args:
        method: Only those of this method.
        pattern: Only those whose name matches, e.g. ``"*_omniglot*"``.

    Returns:
        The presets, in order of method and name.

    Raises:
        MetazooError: If there is no such method.
        PresetError: If a shipped preset's metadata is damaged.
    """
    specs = [get_method(method)] if method else list(methods().values())
    found = [info for spec in specs for info in _presets_of(spec)]
    return [
        info
        for info in found
        if pattern is None or fnmatch.fnmatchcase(info.preset, pattern)
    ]


def find_preset(name: str) -> PresetInfo:
    """Looks a preset up by its registered name.

    Args:
        name: E.g. ``"protonet_conv4_omniglot"``.

    Returns:
        The preset.

    Raises:
        PresetError: If there is no such preset; names the nearest ones.
    """
    known = {info.preset: info for info in list_presets()}
    if name not in known:
        raise PresetError(
            f"preset: got {name!r}, " + nearest_text(name, list(known))
        )
    return known[name]


def _presets_of(spec: MethodSpec) -> list[PresetInfo]:
    folder = spec.presets_path()
    if not folder.is_dir():
        return []
    found: dict[str, PresetInfo] = {}
    for info in (*_shipped(spec, folder), *_remote(spec, folder)):
        if info.preset in found:
            raise PresetError(f"{folder}: preset {info.preset!r} occurs twice")
        if info.metadata.method != spec.name:
            raise PresetError(
                f"{folder}: preset {info.preset!r} is of method "
                f"{info.metadata.method!r}, not {spec.name!r}"
            )
        if info.metadata.preset != info.preset:
            raise PresetError(
                f"{folder}: {METADATA_NAME} of {info.preset!r} says "
                f"{info.metadata.preset!r}"
            )
        found[info.preset] = info
    return [found[name] for name in sorted(found)]


def _shipped(spec: MethodSpec, folder: Path) -> Iterator[PresetInfo]:
    for path in folder.glob(f"*/{METADATA_NAME}"):
        if path.parent.name.startswith("."):
            continue
        metadata = PresetMetadata.from_json(path.read_bytes())
        yield PresetInfo(
            spec.name, path.parent.name, metadata, directory=path.parent
        )


def _remote(spec: MethodSpec, folder: Path) -> Iterator[PresetInfo]:
    path = folder / REMOTE_NAME
    if not path.is_file():
        return
    entries = parse_json(path.read_bytes(), str(path))
    if not isinstance(entries, Mapping):
        raise PresetError(f"{path}: expected an object of presets by name")
    for name, entry in entries.items():
        try:
            files = _remote_files(entry["files"])
            metadata = PresetMetadata.from_dict(entry["metadata"])
        except (KeyError, TypeError, AttributeError) as error:
            raise PresetError(
                f"{path}: entry {name!r} is malformed: {error!r}"
            ) from error
        yield PresetInfo(spec.name, name, metadata, remote=files)


def _remote_files(entry: Mapping[str, Any]) -> dict[str, RemoteFile]:
    files = {
        name: RemoteFile(str(file["url"]), FileInfo.from_dict(name, file))
        for name, file in entry.items()
    }
    missing = sorted(set(FILE_NAMES) - set(files))
    if missing:
        raise PresetError(
            f"{REMOTE_NAME}: no url and sha256 of {', '.join(missing)}"
        )
    return files
