"""Requests over REST: no TensorFlow and no serving stubs are needed."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

from metazoo.errors import ServingError
from metazoo.serving.signatures import (
    INIT_OP,
    SignatureInfo,
    TensorInfo,
    WireTensors,
    signature_info,
)
from metazoo.serving.status import StatusError
from metazoo.serving.transports.base import Target

orjson: Any = None
with contextlib.suppress(ModuleNotFoundError):
    orjson = importlib.import_module("orjson")

CODE_OF_HTTP = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class RestTransport:
    """One kept-alive connection for each thread."""

    def __init__(self, target: Target) -> None:
        """Reads the address; nothing is sent yet.

        Raises:
            ServingError: If the address is not `host:port`.
        """
        url = target.address
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServingError(
                f"address {url!r} is not host:port or http(s)://host:port"
            )
        self._kind = (
            http.client.HTTPSConnection
            if parts.scheme == "https"
            else http.client.HTTPConnection
        )
        self._host, self._port = parts.hostname, parts.port
        self._path = f"{parts.path.rstrip('/')}/v1/models/{_quoted(target)}"
        self._local = threading.local()

    def predict(
        self,
        signature: SignatureInfo,
        inputs: Mapping[str, np.ndarray],
        timeout: float,
    ) -> dict[str, np.ndarray]:
        """Runs one signature."""
        body = _dump({"signature_name": signature.name, "inputs": dict(inputs)})
        answer = self._ask("POST", ":predict", timeout, body)["outputs"]
        if len(signature.outputs) == 1:
            answer = {next(iter(signature.outputs)): answer}
        return {
            name: _array(value, signature.outputs[name])
            for name, value in answer.items()
        }

    def metadata(self, timeout: float) -> dict[str, SignatureInfo]:
        """Describes the signatures of the model."""
        answer = self._ask("GET", "/metadata", timeout)
        found = answer["metadata"]["signature_def"]["signature_def"]
        return {
            name: signature_info(
                name,
                _tensors(definition["inputs"]),
                _tensors(definition["outputs"]),
            )
            for name, definition in found.items()
            if name != INIT_OP
        }

    def status(self, timeout: float) -> list[dict[str, Any]]:
        """Lists the versions of the model, highest first."""
        answer = self._ask("GET", "", timeout)
        return [
            {
                "version": int(entry["version"]),
                "state": entry["state"],
                "code": entry["status"]["error_code"],
                "message": entry["status"]["error_message"],
            }
            for entry in answer["model_version_status"]
        ]

    def close(self) -> None:
        """Closes this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None

    def _ask(
        self, method: str, suffix: str, timeout: float, body: bytes = b""
    ) -> Any:
        try:
            status, data = self._exchange(
                method, self._path + suffix, timeout, body
            )
        except TimeoutError as error:
            self.close()
            raise StatusError(
                "DEADLINE_EXCEEDED", f"no answer within {timeout:.3g} s"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise StatusError(
                "UNAVAILABLE",
                f"{self._host}:{self._port}: {type(error).__name__}: {error}",
            ) from error
        if status == 200:
            return json.loads(data)
        raise StatusError(CODE_OF_HTTP.get(status, "UNKNOWN"), _message(data))

    def _exchange(
        self, method: str, path: str, timeout: float, body: bytes
    ) -> tuple[int, bytes]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._kind(self._host, self._port, timeout=timeout)
            self._local.connection = connection
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()


def _quoted(target: Target) -> str:
    path = quote(target.model, safe="")
    if target.version is not None:
        path += f"/versions/{target.version}"
    if target.label is not None:
        path += f"/labels/{quote(target.label, safe='')}"
    return path


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data)["error"])
    except (ValueError, KeyError, TypeError):
        return data[:200].decode("utf-8", "replace")


def _dump(document: dict[str, Any]) -> bytes:
    arrays = document["inputs"].values()
    finite = all(np.isfinite(value).all() for value in arrays)
    if orjson is not None and finite:
        return orjson.dumps(
            document,
            option=orjson.OPT_SERIALIZE_NUMPY,
            default=lambda item: item.tolist(),
        )
    # The standard library also writes the wire's NaN and Infinity tokens.
    return json.dumps(document, default=lambda item: item.tolist()).encode()


def _array(value: Any, info: TensorInfo) -> np.ndarray:
    dtype = object if info.dtype == "string" else info.dtype
    return np.asarray(value, dtype=dtype)


def _tensors(tensors: Mapping[str, Any]) -> WireTensors:
    found: WireTensors = {}
    for name in sorted(tensors):
        shape = tensors[name]["tensor_shape"]
        dims = None
        if not shape.get("unknown_rank"):
            dims = [int(dim["size"]) for dim in shape.get("dim", ())]
        found[name] = (tensors[name]["dtype"], dims)
    return found
