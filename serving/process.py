"""Serves models until it is told to stop, with whichever server there is."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from metazoo.errors import ServingError
from metazoo.serving.extras import require
from metazoo.serving.operations.models_config import models_config
from metazoo.serving.server.config import from_mapping

BINARY = "tensorflow_model_server"
Prefer = Literal["auto", "embedded", "tensorflow_model_server"]


def serve(
    models: Mapping[str, str | Path],
    port: int = 8500,
    rest_port: int | None = 8501,
    host: str = "127.0.0.1",
    prefer: Prefer = "auto",
) -> int:
    """Serves until SIGTERM or SIGINT.

    Args:
        models: Name -> base folder, which holds the version folders.
        port: gRPC port; 0 for a free one (embedded server only).
        rest_port: REST port; None for no REST.
        host: Address to listen on.
        prefer: `auto` takes `tensorflow_model_server` if it is on the PATH
            and the host is 0.0.0.0 (it can't listen on less), and the
            embedded server otherwise.

    Returns:
        The exit status of the server.

    Raises:
        ServingError: If a model folder is missing, a port is taken, or the
            server that was asked for is not there.
    """
    folders = check_folders(models)
    binary = _choose_binary(prefer, host)
    if binary is None:
        return _serve_embedded(folders, port, rest_port, host)
    return _serve_binary(binary, folders, port, rest_port, host)


def _choose_binary(prefer: str, host: str) -> str | None:
    if prefer not in ("auto", "embedded", BINARY):
        raise ServingError(
            f"prefer must be auto, embedded or {BINARY}; got {prefer!r}"
        )
    # The binary has no option for its address: it always listens on all.
    everywhere = host in ("0.0.0.0", "::")
    if prefer == BINARY:
        return _required_binary(everywhere)
    if prefer == "auto" and everywhere:
        return shutil.which(BINARY)
    return None


def _required_binary(everywhere: bool) -> str:
    binary = shutil.which(BINARY)
    if binary is None:
        raise ServingError(
            f"{BINARY} is not on the PATH; install it or use the embedded "
            "server"
        )
    if not everywhere:
        raise ServingError(
            f"{BINARY} listens on every address; agree with host 0.0.0.0, or "
            "use the embedded server"
        )
    return binary


def check_folders(models: Mapping[str, str | Path]) -> dict[str, Path]:
    """Checks that every model folder exists.

    Args:
        models: Name -> base folder.

    Returns:
        Name -> absolute folder.

    Raises:
        ServingError: Names the model, its folder and the remedy.
    """
    folders = {name: Path(path).absolute() for name, path in models.items()}
    for name, folder in folders.items():
        if not folder.is_dir():
            raise ServingError(
                f"model {name!r}: the folder {folder} does not exist; make "
                "it with `metazoo export`"
            )
        if (folder / "saved_model.pb").exists():
            raise ServingError(
                f"model {name!r}: {folder} is a version folder; give the "
                f"folder that holds it, {folder.parent}"
            )
    return folders


def _serve_embedded(
    folders: Mapping[str, Path], port: int, rest_port: int | None, host: str
) -> int:
    app: Any = require("metazoo.serving.server.app")
    server = app.EmbeddedServer(folders, port, rest_port, host)
    server.run_until_signalled(
        lambda ready: _say_ready(
            "embedded server", folders, ready.port, ready.rest_port, host
        )
    )
    return 0


def _say_ready(
    server: str,
    folders: Mapping[str, Path],
    port: int,
    rest_port: int | None,
    host: str,
) -> None:
    rest = f", REST on {host}:{rest_port}" if rest_port else ""
    print(
        f"ready: {', '.join(folders)} on the {server}, gRPC on "
        f"{host}:{port}{rest}",
        flush=True,
    )


def _serve_binary(
    binary: str,
    folders: Mapping[str, Path],
    port: int,
    rest_port: int | None,
    host: str,
) -> int:
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "models.config")
        config.write_text(models_config(from_mapping(folders)))
        process = subprocess.Popen(
            [
                binary,
                f"--model_config_file={config}",
                f"--port={port}",
                f"--rest_api_port={rest_port or 0}",
                "--enable_grpc_healthcheck_service=true",
            ]
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.terminate())
        if _wait_open(process, port):
            _say_ready(BINARY, folders, port, rest_port, host)
        return process.wait()


def _wait_open(process: subprocess.Popen[bytes], port: int) -> bool:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False
