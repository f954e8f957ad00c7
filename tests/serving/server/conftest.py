"""A server with small limits, and runs that wait for a word."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from metazoo.serving import EmbeddedServer
from metazoo.serving.server.servable import Servable

sys.path.insert(0, str(Path(__file__).parent))

from server_requests import LIMITS, SILENCE


@pytest.fixture(scope="module")
def limited(model_dir):
    with EmbeddedServer({"linear": model_dir}, 0, 0, **LIMITS) as server:
        yield server


@pytest.fixture(scope="module")
def hasty(model_dir):
    """A server that waits for nobody."""
    with EmbeddedServer(
        {"linear": model_dir}, 0, 0, read_timeout=SILENCE, **LIMITS
    ) as server:
        yield server


@pytest.fixture
def body(request_inputs):
    columns = {name: value.tolist() for name, value in request_inputs.items()}
    return json.dumps({"inputs": columns}).encode()


@pytest.fixture
def request_proto(request_inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "linear"
    for name, value in request_inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


class Gate:
    """Holds runs of graphs while it is closed."""

    def __init__(self):
        self.closed = False
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()


@pytest.fixture
def gate(monkeypatch):
    made = Gate()
    run = Servable.run

    def held(self, *arguments):
        made.entered.release()
        assert made.opened.wait(30)
        return run(self, *arguments)

    monkeypatch.setattr(Servable, "run", held)
    yield made
    made.opened.set()
