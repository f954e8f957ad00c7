"""Batching behind both front ends: every client checks its own answer."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from metazoo.serving import EmbeddedServer
from metazoo.serving.server.batching import BatchingOptions
from metazoo.serving.server.servable import Servable
from metazoo.serving.tensors import from_proto, write_content

NAMES = ("support_x", "support_y", "query_x")
PATIENCE = 60
NUM_CLIENTS = 5


@pytest.fixture(scope="module")
def batching_server(model_dir):
    options = BatchingOptions(max_batch_size=32, num_batch_threads=1)
    with EmbeddedServer(
        {"linear": model_dir}, port=0, rest_port=0, batching=options
    ) as running:
        yield running


@pytest.fixture
def gated_runs(monkeypatch):
    """Holds the first run back until enough requests wait; lists all runs."""
    runs, entered, go = [], threading.Event(), threading.Event()
    run = Servable.run

    def gated(self, signature, inputs, outputs, timeout_ms):
        runs.append(len(next(iter(inputs.values()))))
        if len(runs) == 1:
            entered.set()
            assert go.wait(PATIENCE)
        return run(self, signature, inputs, outputs, timeout_ms)

    monkeypatch.setattr(Servable, "run", gated)
    return runs, entered, go


class RefusedError(Exception):
    """What a server answered instead of tensors."""


def ask_grpc(server, inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "linear"
    request.model_spec.signature_name = "adapt_predict"
    for name, value in inputs.items():
        write_content(request.inputs[name], value)
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            response = stub.Predict(request, timeout=PATIENCE)
        except grpc.RpcError as error:
            raise RefusedError(
                f"{error.code().name} {error.details()}"
            ) from error
    return {name: from_proto(v) for name, v in response.outputs.items()}


def ask_rest(server, inputs):
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.rest_port, timeout=PATIENCE
    )
    columns = {name: value.tolist() for name, value in inputs.items()}
    body = {"signature_name": "adapt_predict", "inputs": columns}
    connection.request("POST", "/v1/models/linear:predict", json.dumps(body))
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    if response.status != 200:
        raise RefusedError(f"{response.status} {answer['error']}")
    return {name: np.array(v) for name, v in answer["outputs"].items()}


def waiting(server):
    queue = server._core._batcher._queue
    return sum(len(batch.units) for batch in queue)


def inputs_of(episode):
    return {name: getattr(episode, name) for name in NAMES}


def until(condition):
    for _ in range(100 * PATIENCE):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never happened")


@pytest.mark.parametrize(
    ("ask", "code"), [(ask_grpc, "INVALID_ARGUMENT"), (ask_rest, "400")]
)
def test_merged_answers_are_those_of_each_client(
    batching_server, gated_runs, new_episode, learner, ask, code
):
    runs, entered, go = gated_runs
    episodes = [new_episode(1 + i % 2, i) for i in range(NUM_CLIENTS)]
    bad = inputs_of(new_episode(1, 99))
    bad["query_x"] = bad["query_x"][..., :2, :]
    with ThreadPoolExecutor(NUM_CLIENTS + 2) as pool:
        alone = inputs_of(new_episode(1, 50))
        first = pool.submit(ask, batching_server, alone)
        assert entered.wait(PATIENCE)
        futures = [
            pool.submit(ask, batching_server, inputs_of(e)) for e in episodes
        ]
        until(lambda: waiting(batching_server) == NUM_CLIENTS)
        with pytest.raises(RefusedError, match=f"{code}.*'query_x'"):
            ask(batching_server, bad)
        go.set()
        first.result(PATIENCE)
        answers = [future.result(PATIENCE) for future in futures]
    # One run for all that waited.
    assert runs == [1, sum(len(e.query_x) for e in episodes)]
    for episode, answer in zip(episodes, answers, strict=True):
        expected = learner.adapt_predict(**inputs_of(episode))
        assert answer["classes"].shape == episode.query_y.shape
        for name, value in expected.items():
            np.testing.assert_allclose(answer[name], value, atol=1e-5)


def test_run_that_fails_costs_the_neighbours_nothing(
    batching_server, gated_runs, new_episode, learner, monkeypatch
):
    runs, entered, go = gated_runs
    good = [inputs_of(new_episode(1, i)) for i in range(3)]
    run = Servable.run

    def strict(self, signature, inputs, outputs, timeout_ms):
        if (inputs["query_x"] == 7).any():
            # What a graph does whose checks depend on values.
            inputs = {**inputs, "support_y": inputs["support_y"][:, :-1]}
        return run(self, signature, inputs, outputs, timeout_ms)

    monkeypatch.setattr(Servable, "run", strict)
    bad = {**good[0], "query_x": np.full_like(good[0]["query_x"], 7)}
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(ask_grpc, batching_server, good[0])
        assert entered.wait(PATIENCE)
        futures = [
            pool.submit(ask_grpc, batching_server, inputs)
            for inputs in (*good, bad)
        ]
        until(lambda: waiting(batching_server) == 4)
        go.set()
        first.result(PATIENCE)
        with pytest.raises(RefusedError, match="INVALID_ARGUMENT"):
            futures[-1].result(PATIENCE)
        for inputs, future in zip(good, futures, strict=False):
            expected = learner.adapt_predict(**inputs)["logits"]
            answer = future.result(PATIENCE)["logits"]
            np.testing.assert_allclose(answer, expected, atol=1e-5)
    assert runs == [1, 4, 1, 1, 1, 1]


def test_stop_answers_what_is_in_the_queue(model_dir, gated_runs, new_episode):
    runs, entered, go = gated_runs
    options = BatchingOptions(num_batch_threads=1)
    server = EmbeddedServer(
        {"linear": model_dir}, port=0, rest_port=None, batching=options
    ).start()
    inputs = inputs_of(new_episode(1, 0))
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(ask_grpc, server, inputs)]
        assert entered.wait(PATIENCE)
        futures += [pool.submit(ask_grpc, server, inputs) for _ in range(3)]
        until(lambda: waiting(server) == 3)
        stopping = pool.submit(server.stop)
        until(lambda: refuses(server.port))
        go.set()
        for future in futures:
            assert len(future.result(PATIENCE)["classes"]) == 1
        stopping.result(PATIENCE)
    assert runs == [1, 3]


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False
