"""Brings the preset of any handle to a verified local directory."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urljoin

from metazoo.errors import PresetError
from metazoo.presets.archive import extract_preset
from metazoo.presets.cache import (
    CacheEntry,
    refuse_offline,
)
from metazoo.presets.download import Download, Progress
from metazoo.presets.format import (
    HASHED_NAMES,
    METADATA_NAME,
    SIZE_LIMITS,
    WEIGHTS_NAME,
    PresetMetadata,
    hash_file,
)
from metazoo.presets.handles import Handle, parse_handle
from metazoo.presets.hubs import copy_from_hub
from metazoo.presets.listing import RemoteFile, find_preset
from metazoo.presets.verify import verify_directory
from metazoo.whole_files import sync

_log = logging.getLogger(__name__)


def fetch(
    handle: str | os.PathLike[str],
    progress: Progress | None = None,
    refresh: bool = False,
    timeout: float = 30.0,
) -> Path:
    """Makes sure that a preset lies whole and verified on this machine.

    Args:
        handle: Registered name, folder, or ``https``, ``hf``, ``kaggle`` or
            ``gs`` address.
        progress: Called with a file's name, its bytes so far, and its size or
            None, while a file is downloaded.
        refresh: Fetches anew what is in the cache already; needed where an
            address without a hash or revision has changed.
        timeout: Seconds without a byte after which a connection is cut.

    Returns:
        The preset directory: the given one, the shipped one, or a cached one.

    Raises:
        PresetError: If the preset is unknown, can't be fetched, or is not
            what was recorded; nothing loadable is left in the cache then.
    """
    parsed = parse_handle(handle)
    if parsed.scheme == "local":
        return _local(Path(parsed.location))
    remote: Mapping[str, RemoteFile] = {}
    key = parsed.key
    if parsed.scheme == "name":
        if not _is_registered(parsed.location):
            return _local(Path(parsed.location))
        info = find_preset(parsed.location)
        if info.directory is not None:
            verify_directory(info.directory)
            return info.directory
        remote = info.remote
        key += remote[METADATA_NAME].info.sha256
    source = _Source(parsed, remote, progress, timeout)
    return _fetch_cached(source, CacheEntry(key), refresh)


class _Source:
    """Where the files of one remote preset come from."""

    def __init__(
        self,
        handle: Handle,
        remote: Mapping[str, RemoteFile],
        progress: Progress | None,
        timeout: float,
    ) -> None:
        self.handle = handle
        self.remote = remote
        self.progress = progress
        self.timeout = timeout

    @property
    def label(self) -> str:
        """The handle without its hash, for messages."""
        return self.handle.label

    def bring(self, staging: Path, parts: Path) -> None:
        """Writes the files into the staging folder, not yet verified whole."""
        if self.remote:
            for name, file in self.remote.items():
                self._get(
                    file.url,
                    staging / name,
                    file.info.sha256,
                    parts,
                    file.info.size,
                )
        elif self.handle.is_archive:
            sha256 = self.handle.sha256
            self._get(self.handle.location, self._archive(parts), sha256, parts)
        elif self.handle.scheme == "https":
            self._bring_web(staging, parts)
        else:
            copy_from_hub(self.handle, staging)

    def unpack(self, staging: Path, parts: Path) -> None:
        """Takes the files out of the archive, where the preset is one."""
        if self.handle.is_archive:
            shutil.rmtree(staging)
            staging.mkdir()
            extract_preset(self._archive(parts), staging)

    def _archive(self, parts: Path) -> Path:
        is_zip = self.handle.location.endswith(".zip")
        return parts / ("archive.zip" if is_zip else "archive.tar.gz")

    def _bring_web(self, staging: Path, parts: Path) -> None:
        base, target = self.handle.location, staging / METADATA_NAME
        self._get(base, target, self.handle.sha256, parts)
        metadata = PresetMetadata.from_json(target.read_bytes())
        for name in HASHED_NAMES:
            if name not in metadata.files:
                raise PresetError(f"{base}: no hash of {name}")
            info = metadata.files[name]
            self._get(
                urljoin(base, name),
                staging / name,
                info.sha256,
                parts,
                info.size,
            )

    def _get(
        self,
        url: str,
        target: Path,
        sha256: str | None,
        parts: Path,
        size: int | None = None,
    ) -> None:
        if sha256 is None:
            raise PresetError(f"{url}: no sha256 is recorded; refused")
        if target.exists() and hash_file(target).sha256 == sha256:
            return
        Download(
            url=url,
            target=target,
            sha256=sha256,
            size=size,
            limit=SIZE_LIMITS.get(target.name, SIZE_LIMITS[WEIGHTS_NAME]),
            part=parts / f"{target.name}.part",
            progress=self.progress,
            timeout=self.timeout,
        ).run()


def _fetch_cached(source: _Source, entry: CacheEntry, refresh: bool) -> Path:
    with entry.locked():
        if entry.final.exists() and not refresh:
            try:
                verify_directory(entry.final)
                return entry.final
            except PresetError as error:
                _log.warning("fetching %s again: %s", source.label, error)
        refuse_offline(source.label)
        staging, parts = entry.stage()
        source.bring(staging, parts)
        try:
            source.unpack(staging, parts)
            verify_directory(staging)
            _check_recorded(source.handle, staging)
        except PresetError:
            entry.discard()
            raise
        sync(staging)
        return entry.publish()


def _check_recorded(handle: Handle, staging: Path) -> None:
    """Compares a hub's ``metadata.json`` with the hash in the handle."""
    if handle.sha256 is None or handle.scheme == "https":
        return
    found = hash_file(staging / METADATA_NAME).sha256
    if found != handle.sha256:
        raise PresetError(
            f"{METADATA_NAME} of {handle.scheme}://{handle.location} is "
            f"damaged: its sha256 is {found}, expected {handle.sha256}"
        )


def _local(directory: Path) -> Path:
    verify_directory(directory)
    return directory


def _is_registered(name: str) -> bool:
    """Whether a bare word is to be looked up, rather than a folder here."""
    from metazoo.presets.listing import list_presets

    known = {info.preset for info in list_presets()}
    return name in known or not Path(name).is_dir()
