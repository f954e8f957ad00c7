"""Imports TensorFlow without the notes its C++ part writes to stderr."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator

# Notes and warnings of the C++ log, and complaints that there is no GPU.
_CHATTER = re.compile(
    rb"^(WARNING: All log messages before absl|[IW]\d{4} |\s*$"
    rb"|\d{4}-\d\d-\d\d .*: [IW] |To enable the following instructions"
    rb"|E\d{4} .*(cuda|cuInit|TensorRT))"
)


def load_tensorflow(debug: bool, keras: bool = True) -> None:
    """Imports TensorFlow and starts its devices.

    Args:
        debug: whether to show what the C++ part writes.
        keras: whether Keras is loaded with it; without it, a third of the
            time is saved, and Keras is loaded when it is first used.
    """
    with contextlib.nullcontext() if keras else _keras_left_out():
        _import_tensorflow(debug)


def _import_tensorflow(debug: bool) -> None:
    if debug:
        import tensorflow  # noqa: F401

        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _chatter_dropped():
        import tensorflow as tf

        tf.config.list_logical_devices()
    tf.get_logger().setLevel(logging.ERROR)


@contextlib.contextmanager
def _keras_left_out() -> Iterator[None]:
    """Hides Keras, which TensorFlow imports if there is one.

    It does so for a registry of optimizers; a server of exported graphs has
    none.
    """
    if "keras" in sys.modules:
        yield
        return
    sys.modules["keras"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["keras"]


@contextlib.contextmanager
def _chatter_dropped() -> Iterator[None]:
    """Holds back what is written to descriptor 2, then passes on the rest."""
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(2, line)
