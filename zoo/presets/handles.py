"""Parses what a user calls a preset by: a name, a folder or an address."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

from metazoo.errors import PresetError
from metazoo.presets.format import METADATA_NAME, PRESET_NAME

ARCHIVE_SUFFIXES = (".zip", ".tar.gz", ".tgz")
SCHEMES = ("https", "hf", "kaggle", "gs")
FORMS = (
    "a registered name, a local folder (./folder), "
    "https://…/metadata.json#sha256=…, https://….zip#sha256=…, "
    "hf://owner/repo[@revision], kaggle://owner/model/framework/variation, "
    "gs://bucket/folder"
)

_HASH = re.compile(r"sha256=([0-9a-f]{64})")
_PARTS = {
    "hf": re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?"),
    "kaggle": re.compile(r"[\w-]+/[\w-]+/[\w-]+/[\w-]+(/\d+)?"),
    "gs": re.compile(r"[\w.-]+/[\w./-]+"),
}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Handle:
    """A parsed handle.

    Args:
        scheme: ``"name"``, ``"local"``, ``"https"``, ``"hf"``, ``"kaggle"``
            or ``"gs"``.
        location: What follows the scheme: a name, a path, a full web address,
            or owner, repository and so on.
        sha256: Recorded hash of ``metadata.json`` or of the archive.
    """

    scheme: str
    location: str
    sha256: str | None = None

    @property
    def is_archive(self) -> bool:
        """Whether the address is that of one zip or tar.gz file."""
        path = urlsplit(self.location).path
        return self.scheme == "https" and path.endswith(ARCHIVE_SUFFIXES)

    @property
    def label(self) -> str:
        """The handle without its hash, for messages."""
        hub = self.scheme in ("hf", "kaggle", "gs")
        return f"{self.scheme}://{self.location}" if hub else self.location

    @property
    def key(self) -> str:
        """Text that tells this handle from every other one."""
        return f"{self.scheme}://{self.location}#sha256={self.sha256}"


def parse_handle(text: str | os.PathLike[str]) -> Handle:
    """Parses a handle.

    A bare word is a registered name unless a folder of that name exists and
    no preset could be called so; write ``./folder`` to be sure of a folder.

    Args:
        text: What the user gave.

    Returns:
        The parsed handle.

    Raises:
        PresetError: If it is of no known form, lacks the hash that ``https``
            needs, or leaves its place with ``..``.
    """
    if isinstance(text, Path):
        return Handle("local", str(text))
    text = os.fspath(text)
    if not text or "\0" in text:
        raise PresetError(f"handle: got {text!r}, expected {FORMS}")
    if "://" not in text:
        bare = PRESET_NAME.fullmatch(text) is not None
        return Handle("name" if bare else "local", text)
    try:
        address, fragment = urldefrag(text)
        scheme = urlsplit(address).scheme
    except ValueError as error:
        raise PresetError(f"handle: got {text!r}: {error}") from error
    sha256 = _parse_hash(text, fragment)
    if scheme in ("https", "http"):
        return _web_handle(text, address, sha256)
    if scheme not in SCHEMES:
        raise PresetError(f"handle: got {text!r}, expected {FORMS}")
    location = address.partition("://")[2]
    if not _PARTS[scheme].fullmatch(location) or ".." in location.split("/"):
        raise PresetError(f"handle: got {text!r}, expected {FORMS}")
    return Handle(scheme, location, sha256)


def check_url(url: str) -> None:
    """Refuses an address that is not encrypted, the local machine excepted.

    Args:
        url: The address, for each hop of a redirection.

    Raises:
        PresetError: If it is neither ``https`` nor loopback ``http``.
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if (parts.scheme != "https" and not local) or not parts.hostname:
        raise PresetError(
            f"{url}: only https is allowed (http only on this machine)"
        )


def _web_handle(text: str, address: str, sha256: str | None) -> Handle:
    check_url(address)
    if sha256 is None:
        raise PresetError(
            f"handle: {text!r} needs '#sha256=' and the hash of its "
            f"{METADATA_NAME} or archive"
        )
    path = urlsplit(address).path
    if path.endswith("/"):
        address += METADATA_NAME
    elif not path.endswith((f"/{METADATA_NAME}", *ARCHIVE_SUFFIXES)):
        raise PresetError(
            f"handle: {text!r} must end in '/', {METADATA_NAME}, "
            + " or ".join(ARCHIVE_SUFFIXES)
        )
    return Handle("https", address, sha256)


def _parse_hash(text: str, fragment: str) -> str | None:
    if not fragment:
        return None
    found = _HASH.fullmatch(fragment)
    if found is None:
        raise PresetError(
            f"handle: in {text!r}, '#{fragment}' is not '#sha256=' and 64 "
            "lower-case hexadecimal digits"
        )
    return found.group(1)
