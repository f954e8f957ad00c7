"""The REST form of the wire: what is asked for, and the answers."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from google.protobuf.json_format import MessageToDict
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from metazoo.serving.publish import version_number
from metazoo.serving.server import json_tensor
from metazoo.serving.server import metrics as prometheus
from metazoo.serving.server.answers import signature_map, status_response
from metazoo.serving.server.core import ModelSelector, PredictCore
from metazoo.serving.server.in_flight import BytesInFlight, Lease
from metazoo.serving.server.options import ServerOptions
from metazoo.serving.server.pages import page_response
from metazoo.serving.server.rest_body import BodyError, read_body, unpacked
from metazoo.serving.server.turns import milliseconds_left, now
from metazoo.serving.status import HTTP_STATUS, StatusError, invalid

LOG = logging.getLogger(__name__)

PREDICT = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
    r":(predict|classify|regress)",
    re.IGNORECASE,
)
STATUS = re.compile(
    r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?"
    r"(/metadata)?",
    re.IGNORECASE,
)
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
NOT_FOUND_PAGE = (
    "<html><head>\n<title>404 Not Found</title>\n</head><body>\n"
    "<h1>Not Found</h1>\n</body></html>\n"
)


@dataclass(frozen=True)
class _Call:
    """A request that has arrived whole."""

    path: str
    method: str
    headers: Mapping[str, str]
    body: bytes
    deadline: float
    lease: Lease


class RestApp:
    """The ASGI application."""

    def __init__(
        self,
        core: PredictCore,
        options: ServerOptions,
        predictions: Executor,
        others: Executor,
        in_flight: BytesInFlight,
    ) -> None:
        """Stores what answers.

        Args:
            core: The prediction core.
            options: Limits and paths.
            predictions: Threads that run predictions.
            others: Threads for everything else, which so never waits for a
                prediction.
            in_flight: Bounds the bytes of all requests.
        """
        self._in_flight = in_flight
        self._core = core
        self._options = options
        self._predictions = predictions
        self._others = others

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            response = error_response("UNAVAILABLE", "the server is stopping")
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        with self._in_flight.lease("REST") as lease:
            return await self._respond_within(request, lease)

    async def _respond_within(self, request: Request, lease: Lease) -> Response:
        try:
            body = await read_body(
                request,
                self._options.max_request_bytes,
                self._options.read_timeout,
                lease,
            )
        except BodyError as error:
            return _failed(error.status, str(error), {"connection": "close"})
        call = _Call(
            request.scope["raw_path"].decode("latin-1").partition("?")[0],
            request.method,
            request.headers,
            body,
            now() + self._options.rest_timeout_ms / 1000,
            lease,
        )
        predicts = call.method == "POST" and PREDICT.fullmatch(call.path)
        return await asyncio.get_running_loop().run_in_executor(
            self._predictions if predicts else self._others, self.answer, call
        )

    def answer(self, call: _Call) -> Response:
        """Routes a request and turns what is raised into a status."""
        method, path = call.method, call.path
        if method == "GET" and path == self._options.prometheus_path:
            return Response(
                self._core.metrics.render(),
                headers={"content-type": prometheus.CONTENT_TYPE},
            )
        pages = self._options.pages or {}
        if method in ("GET", "HEAD") and path in pages:
            return page_response(pages[path])
        if not path.lower().startswith("/v1/"):
            return Response(NOT_FOUND_PAGE, 404, media_type="text/html")
        response = self._answer_api(call)
        if self._options.enable_cors:
            response.headers.update(CORS_HEADERS)
        return response

    def _answer_api(self, call: _Call) -> Response:
        method, path = call.method, call.path
        origin = call.headers.get("origin", "")
        if method == "OPTIONS" and re.match("https?://", origin, re.IGNORECASE):
            return Response(status_code=200)
        found = PREDICT.fullmatch(path)
        if found and method == "POST":
            return self._predict(found, call)
        found = STATUS.fullmatch(path)
        if found and method == "GET":
            return guarded(lambda: self._describe(found))[0]
        return error_response(
            "INVALID_ARGUMENT", f"Malformed request: {method} {path}"
        )

    def _predict(self, found: re.Match[str], call: _Call) -> Response:
        started = time.perf_counter()
        response, code = guarded(lambda: self._predict_body(found, call))
        self._core.metrics.answered(
            self._core.known_model(unquote(found[1])),
            "REST",
            code,
            time.perf_counter() - started,
        )
        return response

    def _predict_body(self, found: re.Match[str], call: _Call) -> bytes:
        selector = _selector(found)
        if found[4].lower() != "predict":
            with self._core.manager.use(
                selector.name, selector.version, selector.label
            ):
                raise invalid("Expected one input Tensor.")
        body = unpacked(call.headers, call.body)
        if body is not call.body:
            call.lease.add(len(body))
        parsed = json_tensor.parse_body(body)
        prediction = self._core.predict(
            ModelSelector(
                selector.name,
                selector.version,
                selector.label,
                parsed.signature,
            ),
            lambda signature: json_tensor.decode(parsed, signature),
            timeout_ms=milliseconds_left(call.deadline),
            unknown_signature="INVALID_ARGUMENT",
        )
        return json_tensor.encode(prediction.outputs, parsed.rows)

    def _describe(self, found: re.Match[str]) -> bytes:
        if not found[1]:
            raise invalid("Missing model name in request.")
        selector = _selector(found)
        if found[4]:
            document = self._metadata(selector)
        else:
            document = _as_json(
                status_response(self._core, selector.name, selector.version)
            )
        return orjson.dumps(document, option=orjson.OPT_INDENT_2)

    def _metadata(self, selector: ModelSelector) -> dict[str, Any]:
        version, found = signature_map(self._core, selector)
        return {
            "model_spec": {
                "name": selector.name,
                "signature_name": "",
                "version": str(version),
            },
            "metadata": {"signature_def": _as_json(found)},
        }


def _as_json(message: Any) -> dict[str, Any]:
    return MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )


def _selector(found: re.Match[str]) -> ModelSelector:
    version = version_number(found[2]) if found[2] else None
    if found[2] and version is None:
        raise invalid(f"Failed to convert version: {found[2]} to numeric.")
    label = unquote(found[3]) if found[3] else None
    return ModelSelector(unquote(found[1]), version, label)


def guarded(work: Callable[[], bytes]) -> tuple[Response, str]:
    """Runs a handler and turns what it raises into an error body.

    Returns:
        (response, code).
    """
    try:
        return Response(work(), media_type="application/json"), "OK"
    except StatusError as error:
        return error_response(error.code, error.message), error.code
    except Exception as error:
        LOG.exception("a request failed inside the server")
        message = f"{type(error).__name__}: {error}"[:1024]
        return error_response("INTERNAL", message), "INTERNAL"


def error_response(code: str, message: str) -> Response:
    """Makes the answer of a request that failed.

    Args:
        code: Name of the status code.
        message: What went wrong.
    """
    return _failed(HTTP_STATUS[code], message)


def _failed(
    status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        orjson.dumps({"error": message}),
        status,
        headers,
        media_type="application/json",
    )
