"""The REST form of the wire, on Starlette and uvicorn."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import orjson
import uvicorn
from google.protobuf.json_format import MessageToDict
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from metazoo.errors import ServingError
from metazoo.serving.server import json_tensor
from metazoo.serving.server import metrics as prometheus
from metazoo.serving.server.answers import signature_map, status_response
from metazoo.serving.server.core import ModelSelector, PredictCore
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
LARGEST_UNPACKED = 100 * 2**20
LARGEST_VERSION = 2**63 - 1
TIMEOUT_MS = 30_000
NOT_FOUND_PAGE = (
    "<html><head>\n<title>404 Not Found</title>\n</head><body>\n"
    "<h1>Not Found</h1>\n</body></html>\n"
)


class RestApp:
    """The ASGI application."""

    def __init__(self, core: PredictCore, executor: ThreadPoolExecutor) -> None:
        """Stores the core and the threads that run requests."""
        self._core = core
        self._executor = executor

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        response = await asyncio.get_running_loop().run_in_executor(
            self._executor, self.answer, request, body
        )
        await response(scope, receive, send)

    def answer(self, request: Request, body: bytes) -> Response:
        """Routes a request and turns what is raised into a status."""
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        method = request.method
        if path == prometheus.PATH and method == "GET":
            return Response(
                self._core.metrics.render(),
                headers={"content-type": prometheus.CONTENT_TYPE},
            )
        if not path.lower().startswith("/v1/"):
            return Response(NOT_FOUND_PAGE, 404, media_type="text/html")
        if method == "OPTIONS":
            return Response(status_code=200)
        found = PREDICT.fullmatch(path)
        if found and method == "POST":
            return self._predict(found, request, body)
        found = STATUS.fullmatch(path)
        if found and method == "GET":
            return guarded(lambda: self._describe(found))[0]
        return _error("INVALID_ARGUMENT", f"Malformed request: {method} {path}")

    def _predict(
        self, found: re.Match[str], request: Request, body: bytes
    ) -> Response:
        started = time.perf_counter()
        response, code = guarded(
            lambda: self._predict_body(found, request, body)
        )
        self._core.metrics.answered(
            self._core.known_model(unquote(found[1])),
            "REST",
            code,
            time.perf_counter() - started,
        )
        return response

    def _predict_body(
        self, found: re.Match[str], request: Request, body: bytes
    ) -> bytes:
        selector = _selector(found)
        if found[4].lower() != "predict":
            with self._core.manager.use(
                selector.name, selector.version, selector.label
            ):
                raise invalid("Expected one input Tensor.")
        parsed = json_tensor.parse_body(_unpacked(request, body))
        prediction = self._core.predict(
            ModelSelector(
                selector.name,
                selector.version,
                selector.label,
                parsed.signature,
            ),
            lambda signature: json_tensor.decode(parsed, signature),
            timeout_ms=TIMEOUT_MS,
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
    version = int(found[2]) if found[2] else None
    if version is not None and version > LARGEST_VERSION:
        raise invalid(f"Failed to convert version: {found[2]} to numeric.")
    label = unquote(found[3]) if found[3] else None
    return ModelSelector(unquote(found[1]), version, label)


def _unpacked(request: Request, body: bytes) -> bytes:
    if request.headers.get("content-encoding", "").lower() != "gzip":
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(body, LARGEST_UNPACKED)
    except zlib.error as error:
        raise invalid(f"the gzip body can't be unpacked: {error}") from error
    if unpacker.unconsumed_tail:
        raise invalid(f"the gzip body unpacks to over {LARGEST_UNPACKED} bytes")
    if not unpacker.eof:
        raise invalid("the gzip body is cut short")
    return data


def guarded(work: Callable[[], bytes]) -> tuple[Response, str]:
    """Runs a handler and turns what it raises into an error body.

    Returns:
        (response, code).
    """
    try:
        return Response(work(), media_type="application/json"), "OK"
    except StatusError as error:
        return _error(error.code, error.message), error.code
    except Exception as error:
        LOG.exception("a request failed inside the server")
        message = f"{type(error).__name__}: {error}"[:1024]
        return _error("INTERNAL", message), "INTERNAL"


def _error(code: str, message: str) -> Response:
    return Response(
        orjson.dumps({"error": message}),
        HTTP_STATUS[code],
        media_type="application/json",
    )


class RestFrontend:
    """A REST server on one port, in a thread of its own.

    Attributes:
        port: The port in use.
    """

    def __init__(self, core: PredictCore, host: str, port: int) -> None:
        """Opens the port and answers at once.

        Args:
            core: The prediction core.
            host: Address to listen on.
            port: Port; 0 for a free one.

        Raises:
            ServingError: If the port is taken.
        """
        self._socket = _listen(host, port)
        self.port = self._socket.getsockname()[1]
        self._executor = ThreadPoolExecutor(
            max_workers=max(8, 4 * (os.cpu_count() or 1)),
            thread_name_prefix="rest",
        )
        config = uvicorn.Config(
            RestApp(core, self._executor),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name="rest-frontend",
            daemon=True,
        )
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise ServingError("the REST server did not start")
            time.sleep(0.01)

    def stop(self, grace: float) -> None:
        """Takes no new requests and gives the present ones `grace` seconds."""
        self._server.config.timeout_graceful_shutdown = max(1, int(grace))
        self._server.should_exit = True
        self._thread.join()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._socket.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise ServingError(
            f"can't listen for REST on {host}:{port}: {error.strerror}; is "
            "another server on that port? Choose another with --rest-port"
        ) from error
