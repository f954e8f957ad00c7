"""A server with small limits, and what clients send to it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from contextlib import contextmanager

import grpc

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


def wait_until(condition):
    pause = threading.Event()
    for _ in range(400):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come about")


def channel_of(server):
    return grpc.insecure_channel(
        f"127.0.0.1:{server.port}",
        [("grpc.use_local_subchannel_pool", 1)],
    )
