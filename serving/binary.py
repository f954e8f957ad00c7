"""TensorFlow Serving's own server, run as a child."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

from metazoo.errors import ServingError
from metazoo.serving.server_files import ServerFiles

BINARY = "tensorflow_model_server"
EVERYWHERE = ("0.0.0.0", "::")
# Setting of the embedded server -> flag, and its value as the flag has it.
_FLAGS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "poll_interval": ("file_system_poll_wait_seconds", int),
    "config_poll_interval": ("model_config_file_poll_wait_seconds", int),
    "max_load_retries": ("max_num_load_retries", int),
    "load_retry_interval": (
        "load_retry_interval_micros",
        lambda seconds: round(seconds * 1e6),
    ),
    "allow_unavailable_labels": (
        "allow_version_labels_for_unavailable_models",
        lambda on: str(on).lower(),
    ),
    "grpc_threads": ("grpc_max_threads", int),
    "rest_threads": ("rest_api_num_threads", int),
    "rest_timeout_ms": ("rest_api_timeout_in_ms", int),
    "enable_cors": (
        "rest_api_enable_cors_support",
        lambda on: str(on).lower(),
    ),
}


def required_binary(host: str) -> str:
    """Finds the binary that was asked for.

    Args:
        host: Address to listen on.

    Raises:
        ServingError: If it is not there, or would listen on more than the
            host.
    """
    binary = shutil.which(BINARY)
    if binary is None:
        raise ServingError(
            f"{BINARY} is not on the PATH; install it or use the embedded "
            "server"
        )
    if host not in EVERYWHERE:
        raise ServingError(
            f"{BINARY} listens on every address; agree with host 0.0.0.0, or "
            "use the embedded server"
        )
    return binary


def flags(
    port: int,
    rest_port: int | None,
    files: ServerFiles,
    settings: Mapping[str, Any],
) -> list[str]:
    """Lists the flags of the binary, without that of its models.

    Args:
        port: gRPC port.
        rest_port: REST port; None for no REST.
        files: Its files.
        settings: Fields of the embedded server's options.

    Raises:
        ServingError: If the binary has no such setting or takes no free
            port, or its REST port would be open beside an encrypted one.
    """
    for name, number in (("port", port), ("rest_port", rest_port)):
        # There, 0 means that the port stays closed.
        if number == 0:
            raise ServingError(
                f"{name} is 0; {BINARY} can't choose a free port, so give "
                "one, or use the embedded server"
            )
    unknown = sorted(set(settings) - set(_FLAGS))
    if unknown:
        raise ServingError(
            f"{BINARY} has no {', '.join(unknown)}; use the embedded server"
        )
    if files.ssl is not None and rest_port is not None:
        raise ServingError(
            f"{BINARY} encrypts gRPC only: its REST port would be open to "
            "every client. Turn REST off with --no-rest, or use the embedded "
            "server"
        )
    found = [
        f"--port={port}",
        f"--rest_api_port={rest_port or 0}",
        "--enable_grpc_healthcheck_service=true",
        *files.flags(),
    ]
    for name, value in settings.items():
        flag, convert = _FLAGS[name]
        found.append(f"--{flag}={convert(value)}")
    return found


def run(command: list[str], port: int, on_ready: Callable[[], None]) -> int:
    """Runs the binary until it ends; signals are handed on.

    Args:
        command: The binary and its flags.
        port: The port that tells that it is ready.
        on_ready: Called once the port is open.

    Returns:
        Its exit status: 0 if it ended by the SIGTERM that it was handed, for
        which it has no handler, 128 plus the number for another signal.
    """
    children: list[subprocess.Popen[bytes]] = []
    signals: list[int] = []

    def stop(number: int, frame: Any) -> None:
        signals.append(number)
        for child in children:
            if len(signals) > 1:
                child.kill()
            else:
                child.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    process = subprocess.Popen(command)
    children.append(process)
    if signals:
        # It came before there was anything to hand it to.
        process.terminate()
    if _wait_open(process, port):
        on_ready()
    return _exit_status(process.wait(), bool(signals))


def _exit_status(code: int, asked: bool) -> int:
    if asked and code == -signal.SIGTERM:
        return 0
    return code if code >= 0 else 128 - code


def _wait_open(process: subprocess.Popen[bytes], port: int) -> bool:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False
