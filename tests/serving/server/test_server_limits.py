"""Slow, large, many and broken requests; who waits for whom."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from metazoo.serving import EmbeddedServer
from metazoo.serving.server.servable import Servable

PREDICT = "/v1/models/linear:predict"
SILENCE = 0.6
LARGEST = 200_000


LIMITS = {
    "max_request_bytes": LARGEST,
    "max_connections": 40,
    "grpc_threads": 1,
    "rest_threads": 1,
    "rest_timeout_ms": 20_000,
}


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


@contextmanager
def connected(server):
    with socket.create_connection(("127.0.0.1", server.rest_port)) as opened:
        opened.settimeout(20)
        yield opened


def read_all(connection):
    """What comes until the server closes."""
    found = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            return found
        if not part:
            return found
        found += part


def status_of(answer):
    return int(answer.split(b" ", 2)[1])


def predict(server, body, headers=None):
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.rest_port, timeout=20
    )
    chunked = not isinstance(body, bytes)
    connection.request(
        "POST", PREDICT, body, headers or {}, encode_chunked=chunked
    )
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def head(length, *more):
    lines = [f"POST {PREDICT} HTTP/1.1", "Host: x", *more]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def test_slow_head_is_ended(hasty, body):
    with connected(hasty) as slow:
        slow.sendall(head(10)[:20])
        assert predict(hasty, body)[0] == 200
        assert status_of(read_all(slow)) == 408


def test_silent_connection_is_ended(hasty):
    with connected(hasty) as silent:
        assert status_of(read_all(silent)) == 408


def test_blank_lines_do_not_keep_a_connection(hasty):
    with connected(hasty) as slow:
        slow.sendall(b"\r\n")
        slow.sendall(b"\r\n")
        assert status_of(read_all(slow)) == 408


def test_slow_body_is_ended_and_holds_no_worker(hasty, body):
    with ExitStack() as stack:
        # More than there are workers.
        slow = [stack.enter_context(connected(hasty)) for _ in range(8)]
        for connection in slow:
            connection.sendall(head(len(body)) + body[:10])
        assert predict(hasty, body)[0] == 200
        answers = [read_all(connection) for connection in slow]
    assert {status_of(answer) for answer in answers} == {408}
    assert b"too slowly" in answers[0]


def test_body_that_drips_is_ended(hasty, body):
    with connected(hasty) as slow:
        slow.sendall(head(len(body)))
        answer = []
        reader = threading.Thread(target=lambda: answer.append(read_all(slow)))
        reader.start()
        started = time.monotonic()
        while reader.is_alive() and time.monotonic() - started < 20:
            try:
                slow.sendall(b" ")
            except OSError:
                break
            reader.join(SILENCE / 4)
        reader.join(20)
    assert status_of(answer[0]) == 408


@pytest.mark.parametrize("line", ["X-{}: {}", "{}{}"])
def test_head_without_end_is_ended(limited, line):
    lines = [line.format(number, "x" * 1000) for number in range(100)]
    with connected(limited) as flood:
        # In one piece, as the kernel may hand it over.
        flood.sendall("\r\n".join(["GET / HTTP/1.1", *lines]).encode())
        answer = read_all(flood)
    assert not answer or status_of(answer) in (400, 431)


def test_requests_in_one_piece_are_all_answered(limited, body):
    padded = body + b" " * (LARGEST - len(body))
    with connected(limited) as pipeline:
        last = head(len(padded), "Connection: close") + padded
        pipeline.sendall((head(len(padded)) + padded) * 2 + last)
        answer = read_all(pipeline)
    assert answer.count(b"HTTP/1.1 200") == 3


def test_trailers_without_end_are_ended(limited):
    with connected(limited) as flood:
        flood.sendall(head(None, "Transfer-Encoding: chunked"))
        with pytest.raises(OSError):
            flood.sendall(b"1\r\nx\r\n0\r\n")
            for number in range(100_000):
                flood.sendall(f"X-{number}: {'x' * 1000}\r\n".encode())


def test_too_large_body_is_413_before_it_is_read(limited):
    with connected(limited) as large:
        large.sendall(head(10**9, "Expect: 100-continue"))
        answer = read_all(large)
    # No `100 Continue` came first: the client sends nothing.
    assert status_of(answer) == 413
    assert str(LARGEST).encode() in answer


def test_client_that_sends_all_the_same_can_read_413(limited):
    status, answer = predict(limited, b" " * (20 * LARGEST))
    assert status == 413
    assert list(answer) == ["error"]


def test_chunks_that_become_too_large_are_413(limited):
    chunks = (b" " * 10_000 for _ in range(LARGEST // 5_000))
    status, _ = predict(limited, chunks, {"Transfer-Encoding": "chunked"})
    assert status == 413


def test_body_of_the_largest_size_is_read(limited, body):
    padded = body + b" " * (LARGEST - len(body))
    assert predict(limited, padded)[0] == 200


def test_chunks_are_read(limited, body):
    chunks = (body[at : at + 500] for at in range(0, len(body), 500))
    headers = {"Transfer-Encoding": "chunked"}
    assert predict(limited, chunks, headers)[0] == 200


def test_tiny_chunks_are_read(limited):
    with connected(limited) as tiny:
        tiny.sendall(head(None, "Transfer-Encoding: chunked"))
        tiny.sendall(b"1\r\n \r\n" * 30_000 + b"0\r\n\r\n")
        assert status_of(tiny.recv(1000)) == 400


def test_expect_continue_is_answered(limited, body):
    with connected(limited) as polite:
        polite.sendall(head(len(body), "Expect: 100-continue"))
        assert polite.recv(100).startswith(b"HTTP/1.1 100 Continue")
        polite.sendall(body)
        assert status_of(polite.recv(1000)) == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET /v1/models HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\n\r\n",
        head(5, "Transfer-Encoding: chunked"),
        head(-1),
        head("5x"),
        head(None, "Transfer-Encoding: chunked") + b"zz\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_one_line(
    limited, body, caplog, request_bytes
):
    caplog.set_level(logging.WARNING)
    with connected(limited) as broken:
        broken.sendall(request_bytes)
        answer = read_all(broken)
    assert not answer or 400 <= status_of(answer) < 500
    assert "Traceback" not in caplog.text
    assert predict(limited, body)[0] == 200


def test_head_alone_gets_the_status_of_the_request(limited):
    with connected(limited) as opened:
        opened.sendall(b"HEAD /v1/models/linear HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(opened.recv(1000)) == 400


def test_one_connection_too_many_is_turned_away(limited, body):
    with ExitStack() as stack:
        for _ in range(40):
            opened = stack.enter_context(connected(limited))
            opened.sendall(b"G")
        extra = stack.enter_context(connected(limited))
        assert status_of(read_all(extra)) == 503
    wait_until(lambda: predict(limited, body)[0] == 200)


def wait_until(condition):
    pause = threading.Event()
    for _ in range(400):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come about")


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


def channel_of(server):
    return grpc.insecure_channel(
        f"127.0.0.1:{server.port}",
        [("grpc.use_local_subchannel_pool", 1)],
    )


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


def test_too_large_message_is_resource_exhausted(limited, request_proto):
    request_proto.inputs["support_x"].tensor_content = b" " * (2 * LARGEST)
    with channel_of(limited) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request_proto, timeout=20)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


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


def listening(port):
    """Local addresses, in hexadecimal, of the sockets that listen."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            address, _, state = line.split()[1:4]
            host, _, number = address.partition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(host)
    return found


@pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc/net"
)
def test_nothing_listens_beyond_loopback(limited):
    for port in (limited.port, limited.rest_port):
        (address,) = listening(port)
        # gRPC writes it as an IPv6 address.
        assert address.removeprefix("0" * 16 + "FFFF0000") == "0100007F"


def test_listening_beyond_loopback_is_warned_of(model_dir, caplog):
    with EmbeddedServer({"linear": model_dir}, 0, 0, "0.0.0.0"):
        pass
    assert "listening on 0.0.0.0 without TLS" in caplog.text
    caplog.clear()
    with EmbeddedServer({"linear": model_dir}, 0, 0, "localhost"):
        pass
    assert "without TLS" not in caplog.text


CORS = "access-control-allow-origin"


@pytest.mark.parametrize("enabled", [False, True])
def test_cors_headers_come_only_when_enabled(model_dir, enabled):
    with EmbeddedServer(
        {"linear": model_dir}, 0, 0, enable_cors=enabled, prometheus_path=None
    ) as server:
        connection = http.client.HTTPConnection(
            "127.0.0.1", server.rest_port, timeout=20
        )
        origin = {"Origin": "https://example.org"}
        for method, path, headers, expected in (
            ("OPTIONS", PREDICT, origin, 200),
            ("OPTIONS", PREDICT, {}, 400),
            ("GET", "/v1/models/linear", origin, 200),
            ("GET", "/v1/models/none", {}, 404),
        ):
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            response.read()
            assert response.status == expected
            assert (response.getheader(CORS) == "*") == enabled
        # The metrics are off.
        connection.request("GET", "/monitoring/prometheus/metrics")
        assert connection.getresponse().status == 404
        connection.close()


@pytest.mark.parametrize("make", ["status", "metadata", "predict"])
def test_request_without_model_spec_is_invalid(limited, make):
    with channel_of(limited) as channel:
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        metadata = get_model_metadata_pb2.GetModelMetadataRequest()
        metadata.metadata_field.append("signature_def")
        call, request = {
            "status": (
                models.GetModelStatus,
                get_model_status_pb2.GetModelStatusRequest(),
            ),
            "metadata": (stub.GetModelMetadata, metadata),
            "predict": (stub.Predict, predict_pb2.PredictRequest()),
        }[make]
        with pytest.raises(grpc.RpcError, match="Missing ModelSpec") as caught:
            call(request, timeout=20)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
