"""Requests that are too large, and those that are just not."""

from __future__ import annotations

import grpc
import pytest
from server_requests import (
    LARGEST,
    channel_of,
    connected,
    head,
    predict,
    read_all,
    status_of,
)
from tensorflow_serving.apis import prediction_service_pb2_grpc


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


def test_too_large_message_is_resource_exhausted(limited, request_proto):
    request_proto.inputs["support_x"].tensor_content = b" " * (2 * LARGEST)
    with channel_of(limited) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request_proto, timeout=20)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
