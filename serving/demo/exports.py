"""Exports of the demo's presets, kept in the cache of the user."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import metazoo
from metazoo.environment import library_versions
from metazoo.presets.cache import CacheEntry, cache_root
from metazoo.presets.format import METADATA_NAME
from metazoo.presets.listing import list_presets
from metazoo.serving.publish import list_versions

FOLDER = "demo"
_TICK_SECONDS = 1.0


class CachedExport:
    """The export of a preset: made once, found again afterwards.

    Attributes:
        preset: Name, folder or address of the preset.
    """

    def __init__(self, preset: str) -> None:
        """Finds the place; imports no TensorFlow.

        Args:
            preset: Name, folder or address of the preset.
        """
        self.preset = preset
        self._entry = CacheEntry(
            f"{preset}#{_fingerprint(preset)}", cache_root() / FOLDER
        )

    @property
    def folder(self) -> Path:
        """The base folder that holds the version."""
        return self._entry.final

    @property
    def version(self) -> Path | None:
        """The version folder; None if it is still to be made."""
        versions = list(list_versions(self.folder).values())
        return versions[-1] if versions else None

    def make(self, stream: TextIO | None = None) -> Path:
        """Exports the preset, unless that is done already.

        Earlier exports of the preset, of other weights or of other versions
        of the libraries, are removed.

        Args:
            stream: Is told how it goes; by default standard error.

        Returns:
            The version folder.

        Raises:
            MetazooError: If the preset can't be loaded or exported.
        """
        with self._entry.locked():
            if (found := self.version) is not None:
                return found
            with _told(self.preset, self.folder, stream or sys.stderr):
                made = self._export()
            self._remove_others()
            return made

    def _export(self) -> Path:
        from metazoo.presets import from_preset
        from metazoo.serving import export

        return export(from_preset(self.preset), self.folder)

    def _remove_others(self) -> None:
        words = self.folder.name.rpartition("-")[0]
        for other in self.folder.parent.iterdir():
            if other == self.folder or other.name.rpartition("-")[0] != words:
                continue
            shutil.rmtree(other, ignore_errors=True)


def _fingerprint(preset: str) -> str:
    """Tells one export from another: weights, libraries, and this source."""
    known = {info.preset: info for info in list_presets()}
    if preset in known:
        weights = json.dumps(
            known[preset].metadata.to_dict(), sort_keys=True, default=str
        )
    elif (path := Path(preset, METADATA_NAME)).is_file():
        weights = path.read_text()
    else:
        weights = preset
    parts = (weights, json.dumps(library_versions()), _source())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _source() -> str:
    """Changes with every edit of the library, as in a checkout."""
    found = []
    for root in metazoo.__path__:
        for path in sorted(Path(root).rglob("*.py")):
            status = path.stat()
            found.append(f"{path}:{status.st_size}:{status.st_mtime_ns}")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


@contextlib.contextmanager
def _told(preset: str, folder: Path, stream: TextIO) -> Iterator[None]:
    text = f"exporting {preset} for the demo (once; kept in {folder})"
    print(text, file=stream, flush=True)
    started, done = time.monotonic(), threading.Event()

    def tick() -> None:
        while not done.wait(_TICK_SECONDS):
            seconds = time.monotonic() - started
            print(f"\r  {seconds:.0f} s", end="", file=stream, flush=True)

    ticking = threading.Thread(target=tick, daemon=True)
    if stream.isatty():
        ticking.start()
    try:
        yield
    finally:
        done.set()
        if ticking.is_alive():
            ticking.join()
    seconds = time.monotonic() - started
    print(f"\rexported {preset} in {seconds:.0f} s", file=stream, flush=True)
