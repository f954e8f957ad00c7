"""Requests over REST: no TensorFlow and no serving stubs are needed."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import numpy as np

from metazoo.errors import ServingError
from metazoo.serving.signatures import (
    INIT_OP,
    SignatureInfo,
    WireTensors,
    signature_info,
)
from metazoo.serving.status import StatusError
from metazoo.serving.transports import diagnosis, json_body
from metazoo.serving.transports.base import (
    ConnectionSetupError,
    Deadline,
    ModelDescription,
    Target,
)
from metazoo.serving.transports.http_pool import HttpAnswer, HttpPool
from metazoo.serving.transports.tls import ClientTls

# 408, 413 and 431 are limits of the embedded server, or of a proxy in front;
# 502 is a proxy's.
CODE_OF_HTTP = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    431: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
HTTP2_FRAME = "\x00\x00"
TLS_ALERT = "\x15\x03"
LONGEST_QUOTE = 200
# RemoteDisconnected is a ConnectionResetError.
CLOSED = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)


class RestTransport:
    """A pool of kept-alive connections, shared by all threads."""

    def __init__(self, target: Target) -> None:
        """Reads the address and the certificates; nothing is sent yet.

        Raises:
            ServingError: If the address or a certificate can't be used.
        """
        parts = _split(target)
        tls = target.tls or (ClientTls() if parts.scheme == "https" else None)
        self._host = str(parts.hostname)
        self._port = parts.port or (443 if tls else 80)
        self._tls = tls is not None
        self._pool = HttpPool(
            self._host,
            self._port,
            tls.context() if tls else None,
            tls.server_name if tls else None,
        )
        self._path = f"{parts.path.rstrip('/')}/v1/models/{_quoted(target)}"

    def predict(
        self,
        signature: SignatureInfo,
        inputs: Mapping[str, np.ndarray],
        timeout: float,
    ) -> dict[str, np.ndarray]:
        """Runs one signature."""
        body = json_body.dump_request(signature.name, inputs)
        answer = self._ask("POST", ":predict", timeout, body)
        outputs = self._field(answer, "outputs")
        if len(signature.outputs) == 1:
            outputs = {next(iter(signature.outputs)): outputs}
        if not isinstance(outputs, dict):
            raise self._strange("its outputs have no names")
        return {
            name: self._array(name, value, signature)
            for name, value in outputs.items()
        }

    def metadata(self, timeout: float) -> ModelDescription:
        """Describes the model."""
        answer = self._ask("GET", "/metadata", timeout)
        try:
            found = answer["metadata"]["signature_def"]["signature_def"]
            version = int(answer["model_spec"]["version"])
            return ModelDescription(version, _signatures(found))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._strange("it does not describe a model") from error

    def status(self, timeout: float) -> list[dict[str, Any]]:
        """Lists the versions of the model, highest first."""
        answer = self._ask("GET", "", timeout)
        try:
            return [
                {
                    "version": int(entry["version"]),
                    "state": entry["state"],
                    "code": entry["status"]["error_code"],
                    "message": entry["status"]["error_message"],
                }
                for entry in answer["model_version_status"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise self._strange("it does not list versions") from error

    def close(self) -> None:
        """Closes the connections."""
        self._pool.close()

    def _array(
        self, name: str, value: Any, signature: SignatureInfo
    ) -> np.ndarray:
        if name not in signature.outputs:
            raise self._strange(f"it has an unknown output {name!r}")
        try:
            return json_body.to_array(value, signature.outputs[name])
        except (ValueError, TypeError, KeyError) as error:
            raise self._strange(f"output tensor {name!r}: {error}") from error

    def _field(self, answer: Any, name: str) -> Any:
        if not isinstance(answer, dict) or name not in answer:
            raise self._strange(f"it has no field {name!r}")
        return answer[name]

    def _ask(
        self, method: str, suffix: str, timeout: float, body: bytes = b""
    ) -> Any:
        deadline = Deadline(timeout)
        try:
            answer = self._pool.exchange(
                method, self._path + suffix, body, deadline
            )
        except TimeoutError as error:
            raise StatusError(
                "DEADLINE_EXCEEDED",
                f"{self._place}: no answer within {timeout:.3g} s",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error, deadline) from error
        return self._document(answer)

    def _document(self, answer: HttpAnswer) -> Any:
        try:
            document = json_body.load(answer.data)
        except ValueError as error:
            if answer.status == 200:
                raise self._strange(
                    f"it is no JSON: {_quote(answer)}"
                ) from error
            document = None
        if answer.status == 200:
            return document
        code = CODE_OF_HTTP.get(answer.status, "UNKNOWN")
        if isinstance(document, dict) and "error" in document:
            raise StatusError(code, str(document["error"]))
        raise StatusError(
            code,
            f"{self._place}: HTTP {answer.status} {answer.reason}, not from "
            f"a model server: {_quote(answer)}",
        )

    @property
    def _place(self) -> str:
        return f"{self._host}:{self._port}"

    def _strange(self, problem: str) -> StatusError:
        return StatusError(
            "INTERNAL",
            f"{self._place}: the answer is not TensorFlow Serving's: {problem}",
        )

    def _unreachable(self, error: Exception, deadline: Deadline) -> StatusError:
        text = f"{self._place}: {type(error).__name__}: {error}"
        problem = self._problem(error, deadline)
        if problem:
            return ConnectionSetupError(f"{problem} ({text})")
        if self._tls and isinstance(error, CLOSED):
            text += f"; {diagnosis.CLOSED_TLS}"
        return StatusError("UNAVAILABLE", text)

    def _problem(self, error: Exception, deadline: Deadline) -> str | None:
        if isinstance(error, ssl.SSLError):
            return diagnosis.tls_problem(error)
        if isinstance(error, CLOSED) and not self._tls:
            place = (self._host, self._port)
            tls = diagnosis.speaks_tls(*place, deadline.left())
            return diagnosis.TLS_WANTED if tls else None
        if isinstance(error, http.client.BadStatusLine):
            head = str(error.args[0])
            if head.startswith(HTTP2_FRAME):
                return diagnosis.GRPC_PORT
            if head.startswith(TLS_ALERT):
                return diagnosis.TLS_WANTED
        return None


def _split(target: Target) -> SplitResult:
    url = target.address
    wrong = f"address {url!r} is not host:port or http(s)://host:port"
    try:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        usable = parts.port != 0 and parts.hostname
    except ValueError as error:
        raise ServingError(wrong) from error
    if parts.scheme not in ("http", "https") or not usable:
        raise ServingError(wrong)
    if url.startswith("http:") and target.tls is not None:
        raise ServingError(f"address {url!r} is plain HTTP, yet tls is given")
    return parts


def _quoted(target: Target) -> str:
    path = quote(target.model, safe="")
    if target.version is not None:
        path += f"/versions/{target.version}"
    if target.label is not None:
        path += f"/labels/{quote(target.label, safe='')}"
    return path


def _quote(answer: HttpAnswer) -> str:
    """The beginning of a body for people: a page's text, not its markup."""
    if not answer.data:
        return "an empty body"
    text = answer.data[: 20 * LONGEST_QUOTE].decode("utf-8", "replace")
    if "html" in answer.content_type:
        text = re.sub(r"<[^>]*>", " ", text)
    return repr(" ".join(text.split())[:LONGEST_QUOTE])


def _signatures(definitions: Mapping[str, Any]) -> dict[str, SignatureInfo]:
    return {
        name: signature_info(
            name,
            _tensors(definition["inputs"]),
            _tensors(definition["outputs"]),
        )
        for name, definition in definitions.items()
        if name != INIT_OP
    }


def _tensors(tensors: Mapping[str, Any]) -> WireTensors:
    found: WireTensors = {}
    for name in sorted(tensors):
        shape = tensors[name]["tensor_shape"]
        dims = None
        if not shape.get("unknown_rank"):
            dims = [int(dim["size"]) for dim in shape.get("dim", ())]
        found[name] = (tensors[name]["dtype"], dims)
    return found
