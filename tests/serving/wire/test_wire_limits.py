"""Sizes, deadlines, merged requests, health and monitoring."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from wire_servers import METRICS

MEBIBYTE = 2**20


def test_large_request_and_answer_pass(stub, make_request):
    values = np.arange(3 * MEBIBYTE, dtype=np.float32)[None]
    request = make_request({"x": values}, "typed", "wide")
    assert request.ByteSize() > 12 * MEBIBYTE
    response = stub.Predict(request, timeout=60)
    got = tf.make_ndarray(response.outputs["y"])
    np.testing.assert_array_equal(got, 2 * values)


def test_client_with_defaults_refuses_a_large_answer(wire, make_request):
    values = np.zeros((1, 2 * MEBIBYTE), np.float32)
    request = make_request({"x": values}, "typed", "wide")
    with grpc.insecure_channel(wire.address) as channel:
        stub = type(wire.prediction)(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request, timeout=60)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_large_json_passes(ask):
    values = np.arange(400_000, dtype=np.float32).reshape(2, -1) + 0.5
    body = {"signature_name": "wide", "inputs": values.tolist()}
    data = json.dumps(body).encode() + b" " * (8 * MEBIBYTE)
    status, answer = ask("POST", "/v1/models/typed:predict", data)
    assert status == 200
    np.testing.assert_array_equal(answer["outputs"], 2 * values)


def test_more_tasks_than_a_batch_are_refused(wire, stub, make_request, refused):
    request = make_request({"x": np.zeros(17, np.float32)}, "typed", "double")
    if not wire.batching:
        assert len(stub.Predict(request, timeout=60).outputs) == 1
        return
    code, text = refused(stub.Predict, request)
    assert code == "INVALID_ARGUMENT"
    assert "Task size 17 is larger than maximum input batch size 16" in text


def test_passed_deadline_is_deadline_exceeded(
    stub, make_request, refused, request_inputs
):
    request = make_request({"steps": np.array([10**9])}, "slow")
    code, _ = refused(stub.Predict, request, timeout=0.3)
    assert code == "DEADLINE_EXCEEDED"
    # The run was given up, not left behind on a thread.
    stub.Predict(make_request(request_inputs), timeout=5)


def test_concurrent_requests_are_answered_each_their_own(
    stub, make_request, new_episode, learner, local_answer
):
    def one(seed):
        episode = new_episode(1 + seed % 3, seed, support=3 + seed % 2)
        names = ("support_x", "support_y", "query_x")
        inputs = {name: getattr(episode, name) for name in names}
        response = stub.Predict(make_request(inputs), timeout=60)
        return inputs, tf.make_ndarray(response.outputs["logits"])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(24)))
    for inputs, logits in answers:
        expected = local_answer(learner, inputs)["logits"]
        np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_bad_requests_beside_good_ones_fail_alone(
    wire, stub, make_request, request_inputs
):
    good = make_request(request_inputs)
    bad = make_request(
        {**request_inputs, "query_x": request_inputs["query_x"][0]}
    )

    def code(request):
        try:
            stub.Predict(request, timeout=60)
        except grpc.RpcError as error:
            return error.code().name
        return "OK"

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(code, [good, bad] * 12))
    assert set(codes[1::2]) == {"INVALID_ARGUMENT"}
    if wire.kind == "embedded" or not wire.batching:
        assert set(codes[::2]) == {"OK"}


@pytest.mark.parametrize("service", ["", "ModelService", "PredictionService"])
def test_health_is_serving(wire, service):
    stub = health_pb2_grpc.HealthStub(wire.channel)
    answer = stub.Check(
        health_pb2.HealthCheckRequest(service=service), timeout=10
    )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_prometheus_counts_requests(ask, columns):
    path = "/v1/models/linear:predict"
    ask("POST", path, {"inputs": columns})
    ask("POST", "/v1/models/made-up:predict", {"inputs": columns})
    status, data = ask("GET", METRICS)
    text = data.decode()
    assert status == 200
    line = ':tensorflow:serving:request_count{model_name="linear",status="OK"}'
    assert line in text
    assert ":tensorflow:serving:request_latency_bucket" in text
    assert ":tensorflow:cc:saved_model:load_latency" in text
    assert "made-up" not in text
