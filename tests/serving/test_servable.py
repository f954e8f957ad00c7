from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from metazoo.serving.server.servable import Servable
from metazoo.serving.status import StatusError


@pytest.fixture
def slow(slow_dir):
    servable = Servable("slow", 1, slow_dir / "1")
    yield servable
    servable.retire()


def run(servable, steps, timeout_ms=0):
    inputs = {"steps": np.array([steps], np.int64)}
    return servable.run("run", inputs, ["y"], timeout_ms)


def test_timeout_is_deadline_exceeded_and_session_lives(slow):
    started = time.monotonic()
    with pytest.raises(StatusError) as caught:
        run(slow, 10_000_000, timeout_ms=200)
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert time.monotonic() - started < 10
    assert run(slow, 1)["y"].shape == (1,)


def test_retire_waits_for_users(slow_dir):
    servable = Servable("slow", 1, slow_dir / "1")
    assert servable.try_acquire()
    retiring = threading.Thread(target=servable.retire)
    retiring.start()
    retiring.join(0.2)
    assert retiring.is_alive()
    assert not servable.try_acquire()
    assert run(servable, 1)["y"].shape == (1,)
    servable.release()
    retiring.join(10)
    assert not retiring.is_alive()
