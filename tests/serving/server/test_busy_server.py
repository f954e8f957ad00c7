"""Many requests at a time: who waits for whom."""

from __future__ import annotations

import http.client
import threading
from contextlib import ExitStack

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from server_requests import (
    channel_of,
    connected,
    predict,
    read_all,
    status_of,
    wait_until,
)
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from metazoo.serving import EmbeddedServer


def test_one_connection_too_many_is_turned_away(limited, body):
    with ExitStack() as stack:
        for _ in range(40):
            opened = stack.enter_context(connected(limited))
            opened.sendall(b"G")
        extra = stack.enter_context(connected(limited))
        assert status_of(read_all(extra)) == 503
    wait_until(lambda: predict(limited, body)[0] == 200)


def test_busy_rest_predictions_hold_up_neither_status_nor_metadata(
    limited, body, gate
):
    answers = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(predict(limited, body)[0])
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    assert gate.entered.acquire(timeout=20)
    for path in (
        "/v1/models/linear",
        "/v1/models/linear/metadata",
        "/monitoring/prometheus/metrics",
    ):
        connection = http.client.HTTPConnection(
            "127.0.0.1", limited.rest_port, timeout=20
        )
        connection.request("GET", path)
        assert connection.getresponse().status == 200
        connection.close()
    gate.opened.set()
    for thread in threads:
        thread.join(20)
    assert answers == [200, 200, 200]


def ask_everything_else(channel):
    health = health_pb2_grpc.HealthStub(channel)
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=20).status == 1
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "linear"
    model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(
        status, timeout=20
    )
    metadata = get_model_metadata_pb2.GetModelMetadataRequest()
    metadata.model_spec.name = "linear"
    metadata.metadata_field.append("signature_def")
    prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(
        metadata, timeout=20
    )


def test_busy_grpc_predictions_hold_up_nothing_else(
    limited, request_proto, gate
):
    with channel_of(limited) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        busy = [stub.Predict.future(request_proto) for _ in range(5)]
        assert gate.entered.acquire(timeout=20)
        ask_everything_else(channel)
        # Its turn does not come before its deadline.
        late = stub.Predict.future(request_proto, timeout=0.5)
        assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        gate.opened.set()
        assert {call.code() for call in busy} == {grpc.StatusCode.OK}


def test_calls_that_send_no_message_hold_no_worker(limited, request_proto):
    silent = threading.Event()

    def nothing():
        silent.wait(60)
        yield from ()

    with channel_of(limited) as channel:
        slow = channel.stream_unary(
            "/tensorflow.serving.PredictionService/Predict"
        )
        calls = [slow.future(nothing()) for _ in range(20)]
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        stub.Predict(request_proto, timeout=20)
        ask_everything_else(channel)
        for call in calls:
            call.cancel()
        silent.set()


def test_caller_that_has_gone_costs_no_run(limited, request_proto, gate):
    with channel_of(limited) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        first = stub.Predict.future(request_proto)
        assert gate.entered.acquire(timeout=20)
        gone = stub.Predict.future(request_proto)
        gone.cancel()
        # The cancellation has arrived when a later call has been answered.
        ask_everything_else(channel)
        gate.opened.set()
        assert first.code() == grpc.StatusCode.OK
        stub.Predict(request_proto, timeout=20)
    # The run of the last call, and no other.
    assert gate.entered.acquire(timeout=20)
    assert not gate.entered.acquire(blocking=False)


def test_rest_timeout_is_504(model_dir, body, gate):
    with EmbeddedServer(
        {"linear": model_dir}, 0, 0, rest_threads=1, rest_timeout_ms=100
    ) as server:
        first = threading.Thread(target=predict, args=(server, body))
        first.start()
        assert gate.entered.acquire(timeout=20)
        answers = []
        second = threading.Thread(
            target=lambda: answers.append(predict(server, body))
        )
        second.start()
        second.join(0.3)
        gate.opened.set()
        first.join(20)
        second.join(20)
    assert answers[0][0] == 504
