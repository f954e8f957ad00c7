"""The bound on the bytes of all requests together."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
import urllib.request
from contextlib import contextmanager

import grpc
import pytest
from server_requests import (
    PREDICT,
    channel_of,
    connected,
    head,
    predict,
    read_all,
    status_of,
    wait_until,
)
from tensorflow_serving.apis import prediction_service_pb2_grpc

from metazoo.serving import EmbeddedServer
from metazoo.serving.server.in_flight import SMALL, BytesInFlight
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.status import StatusError

LARGE = 3 * SMALL
METRICS = "/monitoring/prometheus/metrics"
HELD = ":metazoo:serving:bytes_in_flight "
REFUSED = ':metazoo:serving:bytes_in_flight_refused_count{entrypoint="%s"}'


@pytest.fixture
def bound():
    return BytesInFlight(4 * SMALL, Metrics())


def test_bytes_come_free_when_a_request_ends(bound):
    for _ in range(10):
        with bound.lease("REST") as lease:
            lease.add(2 * SMALL)
            lease.add(2 * SMALL)


def test_bytes_that_do_not_fit_are_not_held(bound):
    with bound.lease("REST") as first, bound.lease("GRPC") as second:
        first.add(2 * SMALL)
        with pytest.raises(StatusError, match="max_bytes_in_flight") as caught:
            second.add(3 * SMALL)
        assert caught.value.code == "RESOURCE_EXHAUSTED"
    with bound.lease("REST") as third:
        third.add(4 * SMALL)


def test_small_requests_are_always_let_in(bound):
    with bound.lease("REST") as full, bound.lease("GRPC") as small:
        full.add(4 * SMALL)
        small.check(SMALL)
        small.add(SMALL)
        with pytest.raises(StatusError):
            small.add(1)


def test_announced_bytes_are_checked_and_not_held(bound):
    with bound.lease("REST") as lease, bound.lease("REST") as other:
        lease.check(4 * SMALL)
        other.add(4 * SMALL)
        with pytest.raises(StatusError, match="try again"):
            lease.check(2 * SMALL)


def test_threads_leave_nothing_behind(bound):
    def hold():
        for size in range(SMALL, 3 * SMALL, 999):
            with bound.lease("REST") as lease:
                try:
                    lease.add(size)
                except StatusError:
                    continue

    threads = [threading.Thread(target=hold) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with bound.lease("REST") as lease:
        lease.add(4 * SMALL)


@pytest.fixture(scope="module")
def narrow(model_dir):
    with EmbeddedServer(
        {"linear": model_dir},
        0,
        0,
        max_request_bytes=2 * LARGE,
        max_bytes_in_flight=2 * LARGE,
    ) as server:
        yield server


def padded(body, size=LARGE + SMALL):
    return body + b" " * (size - len(body))


def metric(server, name):
    url = f"http://127.0.0.1:{server.rest_port}{METRICS}"
    text = urllib.request.urlopen(url, timeout=20).read().decode()
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


@contextmanager
def half_sent(server, body):
    """A request that holds its bytes, and waits for the last of them."""
    with connected(server) as opened:
        opened.sendall(head(len(body)) + body[:-1])
        wait_until(lambda: metric(server, HELD) == len(body) - 1)
        yield opened
    wait_until(lambda: metric(server, HELD) == 0)


def send_large(server, request_proto):
    request_proto.model_spec.signature_name = "x" * (LARGE + SMALL)
    with channel_of(server) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request_proto, timeout=20)
    return caught.value


def test_full_server_refuses_over_both_and_answers_what_is_small(
    narrow, body, request_proto
):
    large = padded(body)
    before = [metric(narrow, REFUSED % name) for name in ("REST", "GRPC")]
    with half_sent(narrow, large) as first:
        status, answer = predict(narrow, large)
        assert status == 429
        assert "max_bytes_in_flight" in answer["error"]
        error = send_large(narrow, request_proto)
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "max_bytes_in_flight" in error.details()
        assert predict(narrow, body)[0] == 200
        first.sendall(large[-1:])
        assert status_of(first.recv(1000)) == 200
    after = [metric(narrow, REFUSED % name) for name in ("REST", "GRPC")]
    assert [a - b for a, b in zip(after, before, strict=True)] == [1, 1]
    # Now there is room; the signature that they name is not there.
    error = send_large(narrow, request_proto)
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert predict(narrow, large)[0] == 200
    assert metric(narrow, HELD) == 0


def test_chunks_that_do_not_fit_are_429(narrow, body):
    large = padded(body)
    with half_sent(narrow, large):
        chunks = (large[at : at + 9999] for at in range(0, len(large), 9999))
        headers = {"Transfer-Encoding": "chunked"}
        status, answer = predict(narrow, chunks, headers)
    assert status == 429
    assert "max_bytes_in_flight" in answer["error"]


def test_client_that_goes_gives_its_bytes_back(narrow, body):
    with half_sent(narrow, padded(body)):
        assert predict(narrow, padded(body))[0] == 429
    assert predict(narrow, padded(body))[0] == 200


def test_request_that_waits_for_leave_is_refused_before_it_is_sent(
    narrow, body
):
    large = padded(body)
    with half_sent(narrow, large), connected(narrow) as polite:
        polite.sendall(head(len(large), "Expect: 100-continue"))
        assert status_of(read_all(polite)) == 429


def test_unpacked_bytes_count_too(narrow, body):
    packed = gzip.compress(padded(body, 3 * LARGE))
    assert len(packed) < SMALL
    connection = http.client.HTTPConnection(
        "127.0.0.1", narrow.rest_port, timeout=20
    )
    headers = {"Content-Encoding": "gzip"}
    connection.request("POST", PREDICT, packed, headers)
    response = connection.getresponse()
    assert response.status == 429
    assert "max_bytes_in_flight" in json.loads(response.read())["error"]
    connection.close()
    assert metric(narrow, HELD) == 0


def test_bytes_that_are_no_message_are_given_back(narrow):
    with channel_of(narrow) as channel:
        call = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict"
        )
        for _ in range(3):
            with pytest.raises(grpc.RpcError, match="no message") as caught:
                call(b"\xff" * LARGE, timeout=20)
            assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert metric(narrow, HELD) == 0
