"""What becomes of a version that does not load."""

from __future__ import annotations

import pytest
import tensorflow as tf

from metazoo.errors import ServingError
from metazoo.serving.server import loading
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.server.table import VersionTable
from metazoo.serving.status import StatusError


@pytest.mark.parametrize(
    ("error", "code", "with_place"),
    [
        (ServingError("half a folder"), "NOT_FOUND", False),
        (OSError("gone"), "NOT_FOUND", False),
        (StatusError("FAILED_PRECONDITION", "warm-up"), None, False),
        (tf.errors.DataLossError(None, None, "cut"), "DATA_LOSS", False),
        (TypeError("a fault of this program"), "INTERNAL", True),
    ],
)
def test_code_and_log_tell_what_failed(
    monkeypatch, caplog, tmp_path, error, code, with_place
):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(loading, "Servable", fail)
    table = VersionTable()
    loader = loading.VersionLoader(table, Metrics(), 0, 0.0)
    status = table.begin("m", 1)
    loader.load_if_due("m", 1, tmp_path, status)
    assert status.failed
    assert status.code == (code or error.code)
    assert str(error) in caplog.text
    assert ("Traceback" in caplog.text) is with_place
