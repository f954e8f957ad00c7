"""Serves models until it is told to stop, with whichever server there is."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from metazoo.errors import ServingError
from metazoo.serving import binary as tf_serving
from metazoo.serving.binary import BINARY
from metazoo.serving.extras import require
from metazoo.serving.operations.models_config import models_config
from metazoo.serving.server.config import from_file, from_mapping
from metazoo.serving.server.listen import check_free
from metazoo.serving.server_files import ServerFiles

Prefer = Literal["auto", "embedded", "tensorflow_model_server"]
# What is left over after a drain that took too long ends with the process.
LEAVE_SECONDS = 2.0


def serve(
    models: Mapping[str, str | Path] | None = None,
    port: int = 8500,
    rest_port: int | None = 8501,
    host: str = "127.0.0.1",
    prefer: Prefer = "auto",
    files: ServerFiles | None = None,
    **settings: Any,
) -> int:
    """Serves until SIGTERM or SIGINT, and drains; a second signal kills.

    Args:
        models: Name -> base folder, which holds the version folders; None
            for those of `files.model_config`.
        port: gRPC port; 0 for a free one (embedded server only).
        rest_port: REST port; None for no REST.
        host: Address to listen on.
        prefer: `auto` takes `tensorflow_model_server` if it is on the PATH
            and the host is 0.0.0.0 (it can't listen on less), and the
            embedded server otherwise.
        files: TensorFlow Serving's files, which both servers take.
        **settings: Further fields of
            `metazoo.serving.server.options.ServerOptions`; for the binary,
            those that it has flags for.

    Returns:
        The exit status of the server.

    Raises:
        ServingError: If a model folder is missing, a file or setting can't
            be used, a port is taken, or the server that was asked for is not
            there.
    """
    files = files or ServerFiles()
    folders = check_folders(models) if models else {}
    if not folders and files.model_config is None:
        raise ServingError("no model to serve; give at least one")
    found = _choose_binary(prefer, host)
    # Read even for the binary, whose own words about a bad file are few.
    read = files.settings()
    if found is None:
        ports = {"port": port, "rest_port": rest_port, "host": host}
        return serve_embedded(folders, {**ports, **read, **settings})
    flags = tf_serving.flags(port, rest_port, files, settings)
    return _serve_binary(found, folders, files, flags, (host, port, rest_port))


def _choose_binary(prefer: str, host: str) -> str | None:
    if prefer not in ("auto", "embedded", BINARY):
        raise ServingError(
            f"prefer must be auto, embedded or {BINARY}; got {prefer!r}"
        )
    if prefer == BINARY:
        return tf_serving.required_binary(host)
    # The binary has no option for its address: it always listens on all.
    if prefer == "auto" and host in tf_serving.EVERYWHERE:
        return shutil.which(BINARY)
    return None


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


def serve_embedded(
    folders: Mapping[str, Path],
    settings: Mapping[str, Any],
    on_ready: Callable[[Any], None] | None = None,
) -> int:
    """Serves with the embedded server until SIGTERM or SIGINT.

    Args:
        folders: Name -> base folder; empty for those of the settings' file.
        settings: Arguments of `EmbeddedServer`.
        on_ready: Called with the server once its ports are open.

    Returns:
        The exit status.

    Raises:
        ServingError: If a setting can't be used or a port is taken.
    """
    app: Any = require("metazoo.serving.server.app")
    server = app.EmbeddedServer(folders or None, **settings)

    def ready(running: Any) -> None:
        places = (running.host, running.port, running.rest_port)
        _say_ready("embedded server", running.names, *places)
        if on_ready is not None:
            on_ready(running)

    server.run_until_signalled(ready)
    if not server.drained:
        # A running graph can't be stopped, and Python waits for its thread.
        leave = threading.Timer(LEAVE_SECONDS, os._exit, [0])
        leave.daemon = True
        leave.start()
    return 0


def _say_ready(
    server: str,
    names: list[str],
    host: str,
    port: int,
    rest_port: int | None,
) -> None:
    place = f"[{host}]" if ":" in host else host
    rest = f", REST on {place}:{rest_port}" if rest_port else ""
    print(
        f"ready: {', '.join(names)} on the {server}, gRPC on "
        f"{place}:{port}{rest}",
        flush=True,
    )


def _serve_binary(
    binary: str,
    folders: Mapping[str, Path],
    files: ServerFiles,
    flags: list[str],
    place: tuple[str, int, int | None],
) -> int:
    _check_ports(*place)
    with tempfile.TemporaryDirectory() as directory:
        config = files.model_config
        if config is None:
            config = Path(directory, "models.config")
            config.write_text(models_config(from_mapping(folders)))
        names = [model.name for model in from_file(config)]
        return tf_serving.run(
            [binary, f"--model_config_file={config}", *flags],
            place[1],
            lambda: _say_ready(BINARY, names, *place),
        )


def _check_ports(host: str, port: int, rest_port: int | None) -> None:
    # gRPC would share a taken port without a word, and split the clients.
    check_free(host, port, "gRPC", "--port")
    if rest_port is not None:
        check_free(host, rest_port, "REST", "--rest-port")
