from __future__ import annotations

import shutil
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from metazoo.errors import ServingError
from metazoo.serving import warmup
from metazoo.serving.server.servable import Servable
from metazoo.serving.session import SavedModelSession
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


@pytest.fixture
def version(slow_dir, tmp_path):
    """A version folder with two warm-up records for no named signature."""
    return warmed(slow_dir, tmp_path, "")


def warmed(slow_dir, tmp_path, signature):
    folder = shutil.copytree(slow_dir / "1", tmp_path / "1")
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    steps = tf.make_tensor_proto([1], tf.int64)
    log.predict_log.request.inputs["steps"].CopyFrom(steps)
    with tf.io.TFRecordWriter(str(folder / warmup.WARMUP_FILE)) as writer:
        for _ in range(2):
            writer.write(log.SerializeToString())
    return folder


def test_warmup_without_signature_runs_the_default_one(version, monkeypatch):
    ran = []
    run = SavedModelSession.run

    def noted(self, signature, *arguments):
        ran.append(signature)
        return run(self, signature, *arguments)

    monkeypatch.setattr(SavedModelSession, "run", noted)
    Servable("slow", 1, version).retire()
    assert ran == ["serving_default"] * 2


def test_too_many_warmup_records_are_refused(version, monkeypatch):
    monkeypatch.setattr(warmup, "MOST_RECORDS", 1)
    with pytest.raises(ServingError, match="more than 1 warm-up records"):
        Servable("slow", 1, version)


def test_warmup_of_an_unknown_signature_names_it(slow_dir, tmp_path):
    with pytest.raises(StatusError, match="'walk'") as caught:
        Servable("slow", 1, warmed(slow_dir, tmp_path, "walk"))
    assert caught.value.code == "FAILED_PRECONDITION"


def test_a_version_without_its_variables_is_no_whole_model(model_dir, tmp_path):
    shutil.copytree(model_dir / "1", tmp_path / "1")
    shutil.rmtree(tmp_path / "1" / "variables")
    with pytest.raises(ServingError, match="checkpoint"):
        SavedModelSession(tmp_path / "1")
