"""Sends cases: one connection of each transport for one client."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import predict_pb2

from metazoo.serving.tensors import from_proto
from soaking.case import Arrays, Case, Outcome

TIMEOUT = 60.0
HUGE = 100 * 2**20
CHANNEL = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Each client has a connection of its own, and is back soon after an
    # outage.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]


def payload_of(case: Case) -> bytes:
    """The bytes to send; a huge one is made only when it is sent."""
    if case.mode != "huge":
        return case.payload
    return case.payload * (HUGE // len(case.payload))


class GrpcSender:
    """Sends over a channel of its own."""

    def __init__(self, address: str) -> None:
        """Opens nothing yet."""
        self._address = address
        self._channel = grpc.insecure_channel(address, options=CHANNEL)

    def send(self, case: Case) -> Outcome:
        """Sends one case and waits for what comes back."""
        call = self._channel.unary_unary(case.path)
        if case.mode == "cut":
            call.future(case.payload, timeout=TIMEOUT).cancel()
            return Outcome("left")
        try:
            answer = call(payload_of(case), timeout=TIMEOUT)
        except grpc.RpcError as error:
            return Outcome(error.code().name, error.details() or "")
        if not case.answers:
            return Outcome("OK")
        return _read(predict_pb2.PredictResponse.FromString(answer))

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


def _read(response: Any) -> Outcome:
    outputs = {
        name: from_proto(value) for name, value in response.outputs.items()
    }
    return Outcome(
        "OK", outputs=outputs, version=response.model_spec.version.value
    )


class RestSender:
    """Sends over one kept connection."""

    def __init__(self, host: str, port: int) -> None:
        """Opens nothing yet."""
        self._address = (host, port)
        self._connection: http.client.HTTPConnection | None = None

    def send(self, case: Case) -> Outcome:
        """Sends one case and waits for what comes back."""
        if case.mode == "cut":
            return self._leave(case)
        fresh = self._connection is None
        try:
            if self._connection is None:
                self._connection = self._connect()
            status, data = self._exchange(self._connection, case)
        except ConnectionRefusedError:
            return self._drop("refused")
        except TimeoutError:
            return self._drop("timed out")
        except (http.client.HTTPException, OSError) as error:
            idle = isinstance(
                error,
                http.client.RemoteDisconnected
                | ConnectionResetError
                | BrokenPipeError,
            )
            return self._drop("closed" if idle and not fresh else "cut")
        return _parse(case, status, data)

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT)
        connection.connect()
        return connection

    def _drop(self, status: str) -> Outcome:
        self.close()
        return Outcome(status)

    def _exchange(
        self, connection: http.client.HTTPConnection, case: Case
    ) -> tuple[int, bytes]:
        method = "POST" if case.payload else "GET"
        body: Any = payload_of(case)
        headers = dict(case.headers)
        if case.mode == "slow":
            headers["Content-Length"] = str(len(body))
            body = _slowly(body)
        connection.request(method, case.path, body, headers)
        response = connection.getresponse()
        data = response.read()
        if response.will_close:
            self.close()
        return response.status, data

    def _leave(self, case: Case) -> Outcome:
        head = (
            f"POST {case.path} HTTP/1.1\r\nHost: soak\r\n"
            f"Content-Length: {len(case.payload)}\r\n\r\n"
        )
        try:
            with socket.create_connection(self._address, TIMEOUT) as half:
                half.sendall(head.encode())
                half.sendall(case.payload[: len(case.payload) // 2])
        except ConnectionRefusedError:
            return Outcome("refused")
        except OSError:
            return Outcome("cut")
        return Outcome("left")

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _slowly(body: bytes, pieces: int = 8, pause: float = 0.2) -> Any:
    size = -(-len(body) // pieces)
    for start in range(0, len(body), size):
        time.sleep(pause)
        yield body[start : start + size]


def _parse(case: Case, status: int, data: bytes) -> Outcome:
    try:
        document = json.loads(data)
    except ValueError:
        return Outcome(str(status), f"no JSON: {data[:100]!r}")
    if not case.answers or status != 200:
        return Outcome(str(status), str(document.get("error", "")))
    names = next(iter(case.answers.values()))
    return Outcome("200", outputs=_arrays(document, names))


def _arrays(document: Any, names: Arrays) -> Arrays:
    if "outputs" in document:
        values = document["outputs"]
        if len(names) == 1:
            return {name: np.asarray(values) for name in names}
        return {name: np.asarray(value) for name, value in values.items()}
    rows = document["predictions"]
    if len(names) == 1:
        return {name: np.asarray(rows) for name in names}
    return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}
