"""Serves the demo page and its models, and opens a browser on it."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metazoo.serving.extras import require
from metazoo.serving.process import serve_embedded
from metazoo.serving.server_files import ServerFiles

EVERYWHERE = ("0.0.0.0", "::", "")


def serve_demo(
    folders: Mapping[str, Path],
    port: int = 8500,
    rest_port: int = 8501,
    host: str = "127.0.0.1",
    browser: bool = True,
    files: ServerFiles | None = None,
    **settings: Any,
) -> int:
    """Serves the page until SIGTERM or SIGINT.

    Args:
        folders: Base folder of `characters` and, if there is one, `texts`.
        port: gRPC port; 0 for a free one.
        rest_port: REST port, the page's too; 0 for a free one.
        host: Address to listen on.
        browser: Whether to open a browser on the page.
        files: TensorFlow Serving's files, as for `serve`.
        **settings: Further fields of
            `metazoo.serving.server.options.ServerOptions`.

    Returns:
        The exit status.

    Raises:
        ServingError: If a port is taken or a setting can't be used.
    """
    pages: Any = require("metazoo.serving.demo.pages")
    options = {
        # What is in the cache never changes.
        "poll_interval": 0.0,
        **(files or ServerFiles()).settings(),
        **settings,
    }
    places = {"port": port, "rest_port": rest_port, "host": host}
    return serve_embedded(
        dict(folders),
        {**options, **places, "pages": pages.demo_pages()},
        lambda server: _open(page_address(server), browser),
    )


def page_address(server: Any) -> str:
    """Address of the page on a server that runs.

    Args:
        server: The embedded server.
    """
    scheme = "https" if server.options.certificates else "http"
    host = "127.0.0.1" if server.host in EVERYWHERE else server.host
    place = f"[{host}]" if ":" in host else host
    return f"{scheme}://{place}:{server.rest_port}/"


def _open(address: str, browser: bool) -> None:
    print(f"page: {address}", flush=True)
    if browser and not webbrowser.open(address):
        print("no browser was found; open the page yourself", file=sys.stderr)
