"""Where fetched presets lie; a preset appears there whole or not at all."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from metazoo.errors import PresetError
from metazoo.whole_files import sync

CACHE_VARIABLE = "METAZOO_CACHE"
OFFLINE_VARIABLE = "METAZOO_OFFLINE"

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def cache_root() -> Path:
    """Folder of everything fetched.

    Returns:
        ``$METAZOO_CACHE``, else ``$XDG_CACHE_HOME/metazoo``, else
        ``~/.cache/metazoo``.
    """
    if found := os.environ.get(CACHE_VARIABLE):
        return Path(found).expanduser()
    if found := os.environ.get("XDG_CACHE_HOME"):
        return Path(found) / "metazoo"
    return Path.home() / ".cache" / "metazoo"


def refuse_offline(what: str) -> None:
    """Stops a fetch where the user has forbidden the network.

    Args:
        what: What was to be fetched, for the error.

    Raises:
        PresetError: If ``METAZOO_OFFLINE`` is set to anything but ``0``.
    """
    if os.environ.get(OFFLINE_VARIABLE, "0") not in ("", "0"):
        raise PresetError(
            f"{what} is not in the cache {cache_root()} and "
            f"{OFFLINE_VARIABLE} forbids to fetch it"
        )


class CacheEntry:
    """The place of one preset in the cache, by the key of its handle.

    Attributes:
        final: The preset directory; exists only when it is complete.
        staging: Where files are gathered and verified before.
        parts: Where unfinished downloads wait to be resumed.
    """

    def __init__(self, key: str, root: Path | None = None) -> None:
        """Finds the place; touches no file.

        Args:
            key: Text that identifies the preset and its revision.
            root: Folder of the cache, by default ``cache_root()``.
        """
        root = root or cache_root()
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        words = re.sub(r"[^A-Za-z0-9]+", "-", key.partition("#")[0])
        slug = f"{words.strip('-')[-60:]}-{digest}"
        self.final = root / "presets" / slug
        self.staging = root / "partial" / slug / "files"
        self.parts = root / "partial" / slug / "parts"
        self._lock = root / "locks" / f"{slug}.lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from fetching the same preset.

        The kernel lets go of the lock when its process dies, however it dies.

        Yields:
            Nothing.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def stage(self) -> tuple[Path, Path]:
        """Makes the folders of a fetch, keeping what an earlier one left.

        Returns:
            The staging folder and the folder of unfinished downloads.
        """
        self.staging.mkdir(parents=True, exist_ok=True)
        self.parts.mkdir(parents=True, exist_ok=True)
        return self.staging, self.parts

    def publish(self) -> Path:
        """Moves the staged, verified files to their final place.

        Returns:
            The preset directory.
        """
        self.final.parent.mkdir(parents=True, exist_ok=True)
        replace_directory(self.staging, self.final)
        shutil.rmtree(self.staging.parent, ignore_errors=True)
        return self.final

    def discard(self) -> None:
        """Removes what was staged; a published preset stays."""
        shutil.rmtree(self.staging.parent, ignore_errors=True)


def replace_directory(source: Path, target: Path) -> None:
    """Renames a complete directory into place, over an older one if any.

    On Linux the two change places in one step; elsewhere the older one is
    moved away first and put back if that fails.

    Args:
        source: The complete directory, on the same file system.
        target: Where it belongs.
    """
    if not target.exists():
        os.rename(source, target)
    elif _exchange(source, target):
        shutil.rmtree(source)
    else:
        old = target.with_name(f".{target.name}.old-{uuid.uuid4().hex}")
        os.rename(target, old)
        try:
            os.rename(source, target)
        except BaseException:
            os.rename(old, target)
            raise
        shutil.rmtree(old)
    sync(target.parent)


def _exchange(source: Path, target: Path) -> bool:
    """Swaps two paths in one step; False where the system can't."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    names = (os.fsencode(source), os.fsencode(target))
    done = rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
    if done == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL):
        return False
    raise OSError(code, os.strerror(code), str(target))


def write_directory(
    target: Path, write: Callable[[Path], None], overwrite: bool = False
) -> Path:
    """Writes a directory beside its place, then renames it into place.

    Args:
        target: Where the directory belongs.
        write: Fills the empty directory it is given.
        overwrite: Whether an existing directory may be replaced.

    Returns:
        The target.

    Raises:
        PresetError: If the target exists and ``overwrite`` is not set.
    """
    if target.exists() and not overwrite:
        raise PresetError(f"{target} exists; give overwrite=True to replace it")
    if target.exists() and not target.is_dir():
        raise PresetError(f"{target} is not a directory; not replaced")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.tmp-{uuid.uuid4().hex}")
    temporary.mkdir()
    try:
        write(temporary)
        for path in temporary.iterdir():
            sync(path)
        sync(temporary)
        replace_directory(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target
