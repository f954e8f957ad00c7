"""Sends anything at all to a server and judges what comes back."""

from __future__ import annotations

import http.client
import json
import socket
import time

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

SLOWEST = 20.0
PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
MESSAGES = {
    PREDICT: predict_pb2.PredictRequest,
    METADATA: get_model_metadata_pb2.GetModelMetadataRequest,
    STATUS: get_model_status_pb2.GetModelStatusRequest,
}
GRPC_CODES = {
    "OK",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "FAILED_PRECONDITION",
    "RESOURCE_EXHAUSTED",
}
HTTP_STATUSES = {200, 400, 404, 413, 501}


class FoundError(AssertionError):
    """An input that a server must not answer so."""


class Victim:
    """A server, as the fuzzer reaches it."""

    def __init__(self, address, rest):
        self._rest = rest
        self._connection = None
        self._channel = grpc.insecure_channel(address)

    def post(self, body, path="/v1/models/typed:predict", headers=None):
        """Sends a body; it must come back with JSON and a client's fault."""
        started = time.monotonic()
        try:
            status, data = self._exchange("POST", path, body, headers or {})
        except (OSError, http.client.HTTPException) as error:
            self._connection = None
            raise FoundError(f"no answer: {error!r}") from error
        self._judge(status in HTTP_STATUSES, f"{status} {data[:300]}", started)
        document = json.loads(data)
        keys = {"predictions"} | {"outputs"} if status == 200 else {"error"}
        if len(document) != 1 or not set(document) <= keys:
            raise FoundError(f"{status} {data[:300]}")
        return status, document

    def _exchange(self, method, path, body, headers):
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                *self._rest, timeout=SLOWEST
            )
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        data = response.read()
        if response.will_close:
            self._connection.close()
            self._connection = None
        return response.status, data

    def head(self, data):
        """Sends raw bytes in place of HTTP; any refusal will do."""
        started = time.monotonic()
        with socket.create_connection(self._rest, SLOWEST) as raw:
            raw.settimeout(SLOWEST)
            try:
                raw.sendall(data)
                raw.shutdown(socket.SHUT_WR)
                answer = raw.recv(4096)
            except (ConnectionResetError, BrokenPipeError):
                answer = b""
        code = answer.split(b" ")[1:2]
        fine = not answer or (code and code[0][:1] in b"2345")
        if code and code[0][:1] == b"5" and code[0] not in (b"501", b"503"):
            fine = False
        self._judge(fine, repr(answer[:300]), started)

    def call(self, method, data):
        """Sends the bytes of a request over gRPC."""
        started = time.monotonic()
        try:
            self._channel.unary_unary(method)(data, timeout=SLOWEST)
        except grpc.RpcError as error:
            code, text = error.code().name, error.details()
        else:
            code, text = "OK", ""
        # Bytes that are no message end in INTERNAL, in C++ as here.
        fine = code in GRPC_CODES or (
            code == "INTERNAL" and not parses(MESSAGES[method], data)
        )
        self._judge(fine, f"{code} {text}", started)
        return code, text

    def _judge(self, fine, what, started):
        seconds = time.monotonic() - started
        if not fine:
            raise FoundError(what)
        if seconds > SLOWEST / 2:
            raise FoundError(f"took {seconds:.1f} s")

    def close(self):
        if self._connection is not None:
            self._connection.close()
        self._channel.close()


def parses(message, data):
    try:
        message.FromString(data)
    except Exception:
        return False
    return True
