"""The process that loads exports without this library, from outside."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import tensorflow as tf

from metazoo.errors import ExportError

SCRIPT = Path(__file__).with_name("child.py")
# For one export, the start of the process included.
DEADLINE_SECONDS = 600.0
LOG_BYTES = 2000

Arrays = dict[str, np.ndarray]
Calls = Sequence[tuple[str, Arrays, str]]
# Loader -> answers to the calls, and (code, message) for each refusal.
Results = dict[str, tuple[list[Arrays], list[tuple[int, str]]]]


class LoaderProcess:
    """Starts the process when it is needed, and again if it has gone.

    One export at a time; safe to use from several threads.
    """

    def __init__(
        self, script: Path = SCRIPT, deadline: float = DEADLINE_SECONDS
    ) -> None:
        """Starts nothing yet.

        Args:
            script: What runs in the process.
            deadline: Seconds for one export.
        """
        self._script = script
        self._deadline = deadline
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._connection: Any = None
        self._log: IO[bytes] | None = None
        self._at = "starting"
        self._owner = os.getpid()

    def start(self) -> None:
        """Starts the process unless it runs; does not wait for it."""
        with self._lock:
            self._ensure()

    def run(
        self,
        directory: Path,
        loaders: Sequence[str],
        calls: Calls,
        refusals: Calls,
    ) -> Results:
        """Loads an export there and calls it.

        Args:
            directory: The version folder.
            loaders: Names of the loaders, one after the other.
            calls: (signature, inputs, what) to be answered.
            refusals: The same, to be refused.

        Returns:
            What each loader gave.

        Raises:
            ExportError: If the export does not load or a call fails; if the
                process dies or does not answer in time, and where it was.
        """
        request = (str(directory), list(loaders), list(calls), list(refusals))
        with self._lock:
            try:
                return self._ask_twice(request)
            except (EOFError, OSError) as error:
                raise self._death() from error
            except BaseException as error:
                # Whatever is still on its way is no answer to the next one.
                if not isinstance(error, _FailedError):
                    self._stop()
                raise

    def close(self) -> None:
        """Ends the process, if it runs and is not that of a parent."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            self._stop()

    def _ensure(self) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._stop()
        here, there = multiprocessing.Pipe()
        # Open as long as the process lives.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._at = "starting"
        self._connection = here
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(self._script)]
                + [str(there.fileno()), str(Path(tf.__file__).parents[1])],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                # Ctrl-C is for this process; it ends the other one.
                start_new_session=True,
                # The memory of an accelerator is already taken by this one.
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
            )

    def _ask_twice(self, request: Any) -> Results:
        self._ensure()
        try:
            return self._ask(request)
        except (EOFError, OSError):
            # It may have found itself idle in the moment of the request.
            if self._process is None or self._process.wait() != 0:
                raise
        self._ensure()
        return self._ask(request)

    def _ask(self, request: Any) -> Results:
        ends = time.monotonic() + self._deadline
        results: Results = {}
        self._connection.send(request)
        while True:
            if not self._connection.poll(max(ends - time.monotonic(), 0.0)):
                raise ExportError(
                    "the process that loads the export gave no answer in "
                    f"{self._deadline:g} s; it was at: {self._at}"
                )
            kind, *content = self._connection.recv()
            if kind == "at":
                (self._at,) = content
            elif kind == "result":
                results[content[0]] = content[1]
            elif kind == "failed":
                raise _FailedError(
                    "the export does not load or run without this library, "
                    f"at: {self._at}: {content[0]}"
                )
            elif kind == "done":
                return results

    def _death(self) -> ExportError:
        if self._process is None:
            return ExportError("the process that loads exports did not start")
        code = self._process.wait()
        how = f"exit code {code}"
        if code < 0:
            how = signal.Signals(-code).name
        log = self._tail()
        at = self._at
        self._stop()
        return ExportError(
            f"the process that loads the export died ({how}), at: {at}"
            + (f"\n{log}" if log else "")
        )

    def _tail(self) -> str:
        if self._log is None:
            return ""
        # Both processes share the place in the file; the other is gone.
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(size - LOG_BYTES, 0))
        return self._log.read().decode(errors="replace").strip()

    def _stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._log is not None:
            self._log.close()
        self._process = self._connection = self._log = None


class _FailedError(ExportError):
    """The process answered that the export fails; it goes on."""


_shared: dict[int, LoaderProcess] = {}
_shared_lock = threading.Lock()


def loader_process() -> LoaderProcess:
    """The one that all exports of this process use; closed at its end."""
    with _shared_lock:
        # A forked process must not talk through its parent's connection.
        pid = os.getpid()
        if pid not in _shared:
            _shared[pid] = LoaderProcess()
            atexit.register(_shared[pid].close)
        return _shared[pid]
