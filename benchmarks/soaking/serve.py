"""Runs the embedded server of a soak test in a process of its own."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from metazoo.serving import EmbeddedServer
from metazoo.serving.server.config import from_file


def main() -> None:
    """Serves until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--batching", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rest-port", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    EmbeddedServer(
        from_file(options.config),
        options.port,
        options.rest_port,
        poll_interval=0.2,
        max_load_retries=1,
        load_retry_interval=0.1,
        allow_unavailable_labels=True,
        batching=options.batching,
    ).run_until_signalled()


if __name__ == "__main__":
    main()
