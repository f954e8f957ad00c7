"""The log of a command that runs until it is stopped."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """Writes what the library logs to stderr, with time and severity."""
    logger = logging.getLogger("metazoo")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    level, propagates = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    # Libraries may have given the root logger a handler of its own.
    logger.propagate = False
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.propagate = propagates
        logger.removeHandler(handler)
