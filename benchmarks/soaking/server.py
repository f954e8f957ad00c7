"""The server of a soak test: started, killed, drained and started again."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from soaking.good import PINNED

SCRIPT = Path(__file__).with_name("serve.py")
BATCHING = """max_batch_size { value: 32 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 2 }
"""
BAD_LINE = re.compile(
    r"Traceback|\b(ERROR|CRITICAL|FATAL)\b|^[EF]\d{4} |Exception"
)
# The churn's half-written versions, and TensorFlow's complaint that there is
# no GPU.
EXPECTED = re.compile(r"does not load|cuda_platform")


def free_port() -> int:
    """Finds a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class ServerProcess:
    """The embedded server in a process of its own.

    Attributes:
        pid: Of the process that runs, None while there is none.
        port: gRPC port, the same after every start.
        rest_port: REST port, likewise.
        log: What all processes wrote.
    """

    def __init__(self, folder: Path, models_config: str) -> None:
        """Writes the configuration; starts nothing.

        Args:
            folder: Where configuration and log are kept.
            models_config: The text of models.config.
        """
        self.pid: int | None = None
        self.port, self.rest_port = free_port(), free_port()
        self.log = folder / "server.log"
        self._arguments = {
            "config": folder / "models.config",
            "batching": folder / "batching.config",
        }
        self._arguments["config"].write_text(models_config)
        self._arguments["batching"].write_text(BATCHING)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 300.0) -> float:
        """Starts the server and waits until it answers.

        Returns:
            The seconds that took.

        Raises:
            RuntimeError: If it ends, or is not ready in time.
        """
        began = time.monotonic()
        command = [sys.executable, str(SCRIPT)]
        command += [f"--{k}={v}" for k, v in self._arguments.items()]
        command += [f"--port={self.port}", f"--rest-port={self.rest_port}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.pid = self._process.pid
        while time.monotonic() < began + timeout:
            if self._process.poll() is not None:
                break
            if self._serves_all():
                return time.monotonic() - began
            time.sleep(0.05)
        self.kill()
        text = self.log.read_text(errors="replace")
        raise RuntimeError(f"the server did not start:\n{text[-3000:]}")

    def _serves_all(self) -> bool:
        """Whether both versions of the model that keeps them are loaded."""
        url = f"http://127.0.0.1:{self.rest_port}/v1/models/{PINNED}"
        try:
            with urllib.request.urlopen(url, timeout=5.0) as answer:
                found = json.load(answer)["model_version_status"]
        except OSError:
            return False
        return [entry["state"] for entry in found] == ["AVAILABLE"] * 2

    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> int:
        """Ends the process at once; returns its status."""
        return self._end(signal.SIGKILL, 30.0)

    def drain(self) -> int:
        """Sends SIGTERM and waits; returns the status.

        Raises:
            subprocess.TimeoutExpired: If it does not end in a minute.
        """
        return self._end(signal.SIGTERM, 60.0)

    def _end(self, number: signal.Signals, timeout: float) -> int:
        process, self.pid = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(timeout)

    def bad_lines(self) -> list[str]:
        """The lines of the log that tell of a fault."""
        return [
            line
            for line in self.log.read_text(errors="replace").splitlines()
            if BAD_LINE.search(line) and not EXPECTED.search(line)
        ]
