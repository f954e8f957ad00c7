"""Downloads one file over https: resumed, retried, bounded and verified."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from metazoo.errors import PresetError
from metazoo.presets.handles import check_url

Progress = Callable[[str, int, int | None], None]

RETRY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHUNK = 1 << 18
_MAX_WAIT = 30.0


class _CutError(Exception):
    """The connection was cut or the server asked to come back later."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass
class Download:
    """One file to fetch.

    Args:
        url: Address, ``https`` (or loopback ``http``).
        target: Where the verified file goes.
        sha256: Its recorded hash in hex.
        size: Its recorded size in bytes, if known.
        limit: Most bytes to accept where the size is not known.
        part: The unfinished file, kept for the next attempt or process.
        progress: Called with name, bytes done, bytes in all or None.
        timeout: Seconds without a byte after which a connection is cut.
        attempts: Attempts in a row that may bring no new byte.
        backoff: Seconds before the second attempt, doubled each time.
    """

    url: str
    target: Path
    sha256: str
    size: int | None
    limit: int
    part: Path
    progress: Progress | None = None
    timeout: float = 30.0
    attempts: int = 5
    backoff: float = 0.5
    _farthest: int = field(default=0, init=False)
    _spliced: bool = field(default=False, init=False)

    @property
    def name(self) -> str:
        """Name of the file, for messages."""
        return self.target.name

    @property
    def validator_path(self) -> Path:
        """Where the validator (ETag) of the unfinished file is kept."""
        return self.part.with_name(self.part.name + ".validator")

    def run(self) -> Path:
        """Fetches the file.

        Returns:
            The verified file.

        Raises:
            PresetError: If it can't be had whole and unaltered; names the
                file, and the hash or size expected and found.
        """
        check_url(self.url)
        self._spliced = self.part.exists()
        self._transfer()
        found = _sha256(self.part)
        if found != self.sha256 and self._spliced:
            # The pieces may be of two versions of the file: once anew.
            self._forget()
            self._transfer()
            found = _sha256(self.part)
        if found != self.sha256:
            self._forget()
            raise PresetError(
                f"{self.name} from {self.url} is damaged: its sha256 is "
                f"{found}, expected {self.sha256}"
            )
        os.replace(self.part, self.target)
        self._forget()
        return self.target

    def _transfer(self) -> None:
        """Repeats attempts until the part is complete."""
        failures, self._farthest = 0, self._have()
        while True:
            before = self._farthest
            try:
                self._attempt()
                return
            except (
                _CutError,
                OSError,
                http.client.HTTPException,
            ) as error:
                failures = 0 if self._farthest > before else failures + 1
                if failures >= self.attempts:
                    raise PresetError(self._give_up(error)) from error
                wait = getattr(error, "wait", None)
                if wait is None:
                    wait = self.backoff * 2 ** max(failures - 1, 0)
                time.sleep(min(wait, _MAX_WAIT))

    def _give_up(self, error: Exception) -> str:
        size = "unknown" if self.size is None else self.size
        return (
            f"{self.name} from {self.url} could not be fetched: {error}; "
            f"{self._have()} of {size} bytes are kept, the next fetch goes on "
            "from there"
        )

    def _attempt(self) -> None:
        have = self._have()
        if have and have == self.size:
            return
        with self._open(have) as response:
            if response.status == 206 and self._continues(response, have):
                mode, self._spliced = "ab", True
            elif response.status == 206:
                self._forget()
                raise _CutError("the file changed on the server", 0.0)
            else:
                have, mode = 0, "wb"
            goal = self._goal(response, have)
            self._keep_validator(response)
            with self.part.open(mode) as file:
                self._copy(response, file, have)
        if goal is not None and self._have() < goal:
            raise _CutError(f"truncated at {self._have()} of {goal} bytes")

    def _open(self, have: int) -> Any:
        request = urllib.request.Request(
            self.url, headers={"Accept-Encoding": "identity"}
        )
        if have:
            request.add_header("Range", f"bytes={have}-")
            if validator := self._validator():
                request.add_header("If-Range", validator)
        opener = urllib.request.build_opener(_SafeRedirects)
        try:
            return opener.open(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and have:
                self._forget()
                raise _CutError("the server has no such range", 0.0) from error
            if error.code in RETRY_STATUSES:
                wait = _seconds(error.headers.get("Retry-After"))
                raise _CutError(f"HTTP status {error.code}", wait) from error
            raise PresetError(
                f"{self.name} from {self.url}: HTTP status {error.code} "
                f"{error.reason}"
            ) from error

    def _continues(self, response: Any, have: int) -> bool:
        """Whether a 206 answer is the rest of the file we have part of."""
        start = f"bytes {have}-"
        content_range = response.headers.get("Content-Range", "")
        old, new = self._validator(), _strong_validator(response)
        return content_range.startswith(start) and (old is None or old == new)

    def _goal(self, response: Any, have: int) -> int | None:
        """Size of the file after this answer; refuses a wrong one at once."""
        announced = response.headers.get("Content-Length", "")
        if not announced.isdigit():
            return self.size
        goal = have + int(announced)
        if goal > self.limit or self.size not in (None, goal):
            self._forget()
            most = self.limit if self.size is None else self.size
            raise PresetError(
                f"{self.name} from {self.url} is damaged: the server "
                f"announces {goal} bytes, expected {most}"
            )
        return goal

    def _copy(self, response: Any, file: IO[bytes], have: int) -> None:
        bound = self.limit if self.size is None else self.size
        while chunk := response.read1(_CHUNK):
            have += len(chunk)
            if have > bound:
                file.truncate(0)
                raise PresetError(
                    f"{self.name} from {self.url} is damaged: more than the "
                    f"expected {bound} bytes"
                )
            file.write(chunk)
            self._farthest = max(self._farthest, have)
            if self.progress is not None:
                self.progress(self.name, have, self.size)
        file.flush()
        os.fsync(file.fileno())

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.validator_path.unlink(missing_ok=True)

    def _keep_validator(self, response: Any) -> None:
        validator = _strong_validator(response)
        text = json.dumps({"url": self.url, "validator": validator})
        self.validator_path.write_text(text)

    def _validator(self) -> str | None:
        try:
            kept = json.loads(self.validator_path.read_text())
            return kept["validator"] if kept["url"] == self.url else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def _strong_validator(response: Any) -> str | None:
    """The answer's ETag, unless weak, which a range request may not use."""
    etag = response.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else None


def _seconds(text: str | None) -> float | None:
    """A Retry-After in seconds; its date form counts as not given."""
    return float(text) if text and text.isdigit() else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
