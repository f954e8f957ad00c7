"""One server of each kind, with the same models, for the whole wire."""

from __future__ import annotations

import http.client
import json
import os
import sys
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

sys.path.insert(0, str(Path(__file__).parent))

from wire_differences import DIFFERENCES
from wire_models import write_typed
from wire_servers import ADDRESS, embedded, fill, real, real_is_there

SERVERS = {
    "embedded": (embedded, False),
    "embedded-batching": (embedded, True),
}
REAL_SERVERS = {
    "real": (real, False),
    "real-batching": (real, True),
}
if real_is_there():
    SERVERS |= REAL_SERVERS

if os.environ.get(ADDRESS):

    @pytest.fixture(autouse=True)
    def no_network():
        """The server of that address may be on another machine."""


@pytest.fixture(scope="session")
def second_learner(new_learner):
    return new_learner(seed=1)


@pytest.fixture(scope="session")
def version_folders(model_dir, slow_dir, second_learner, tmp_path_factory):
    from metazoo.serving import export

    base = tmp_path_factory.mktemp("exports")
    write_typed(base / "typed")
    # The other exports have passed every check.
    export(second_learner, base / "second", checks=("session",))
    return [
        (model_dir / "1", "linear", 1),
        (model_dir / "1", "pair", 1),
        (base / "second" / "1", "pair", 2),
        (base / "typed", "typed", 1),
        (slow_dir / "1", "slow", 1),
    ]


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(
            name,
            marks=[pytest.mark.server] if name.startswith("real") else [],
        )
        for name in SERVERS
    ],
)
def wire(request, version_folders, tmp_path_factory):
    start, batching = SERVERS[request.param]
    root = tmp_path_factory.mktemp("served") / "models"
    fill(root, version_folders)
    with start(root, batching) as running:
        fill(running.models, version_folders)
        running.serve_all()
        yield running
        running.channel.close()


@pytest.fixture
def stub(wire):
    return wire.prediction


@pytest.fixture
def models(wire):
    return wire.model


@pytest.fixture
def restored(wire):
    """For tests that change what is served."""
    yield wire
    wire.serve_all()


@pytest.fixture(scope="session")
def make_request():
    def make(inputs, name="linear", signature=""):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = name
        request.model_spec.signature_name = signature
        for key, value in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
        return request

    return make


@pytest.fixture(scope="session")
def refused():
    def call(method, request, timeout=60.0):
        with pytest.raises(grpc.RpcError) as caught:
            method(request, timeout=timeout)
        return caught.value.code().name, caught.value.details()

    return call


@pytest.fixture
def expect(wire):
    """Checks an answer against the table of differences."""

    def check(case, code, text, name=""):
        difference = DIFFERENCES[case]
        assert code in getattr(difference, wire.kind), text
        if code != "OK":
            part = getattr(difference, f"{wire.kind}_text")
            assert part.format(name=name) in text

    return check


@pytest.fixture
def ask(wire):
    """Sends one HTTP request; JSON answers come parsed."""

    def send(method, path, body=b"", headers=None):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection(*wire.rest, timeout=60)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        if response.getheader("content-type") != "application/json":
            return response.status, data
        return response.status, json.loads(data)

    return send


@pytest.fixture
def columns(request_inputs):
    return {k: v.tolist() for k, v in request_inputs.items()}


@pytest.fixture
def rows(columns):
    return [
        {name: value[task] for name, value in columns.items()}
        for task in range(2)
    ]


@pytest.fixture(scope="session")
def local_answer():
    """What a learner of this process answers."""

    def answer(learner, inputs):
        tensors = {k: tf.constant(v) for k, v in inputs.items()}
        outputs = learner.adapt_predict(**tensors)
        return {k: np.asarray(v) for k, v in outputs.items()}

    return answer
