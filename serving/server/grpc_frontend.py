"""The gRPC server: its port, its limits, its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from metazoo.serving.server.core import PredictCore
from metazoo.serving.server.grpc_services import (
    ModelService,
    PredictionService,
)
from metazoo.serving.server.in_flight import BytesInFlight, Lease
from metazoo.serving.server.listen import cannot_listen, join
from metazoo.serving.server.options import ServerOptions
from metazoo.serving.server.turns import CountingPool, Turns
from metazoo.serving.status import StatusError

# The names that TensorFlow Serving answers health checks for.
HEALTH_SERVICES = ("", "ModelService", "PredictionService")
HANDSHAKE_MS = 30_000
# A peer that has vanished without a word is let go of after these.
PING_MS = 60_000
PING_TIMEOUT_MS = 20_000


class GrpcFrontend:
    """A gRPC server on one port.

    A call holds a thread from its first byte on, while only those that have
    arrived whole take turns at computing. So there are threads for every
    call that is let in, and few of them compute.

    Attributes:
        port: The port in use.
    """

    def __init__(
        self,
        core: PredictCore,
        address: str,
        options: ServerOptions,
        in_flight: BytesInFlight,
    ) -> None:
        """Opens the port and answers at once.

        Args:
            core: The prediction core.
            address: Numeric address to listen on.
            options: Port, limits and certificates.
            in_flight: Bounds the bytes of all requests.

        Raises:
            ServingError: If the port is taken.
        """
        self._pool = CountingPool(options.max_connections, "grpc")
        self._server = grpc.server(
            self._pool,
            interceptors=[_CountCalls(self._pool, in_flight)],
            options=_channel_options(options),
            maximum_concurrent_rpcs=options.max_connections,
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(
                core, Turns(options.grpc_threads), options.tensor_content
            ),
            self._server,
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelService(core), self._server
        )
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.port = self._open(address, options)
        for service in HEALTH_SERVICES:
            self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        self._server.start()

    def _open(self, address: str, options: ServerOptions) -> int:
        place = join(address, options.port)
        try:
            if options.certificates is None:
                return self._server.add_insecure_port(place)
            return self._server.add_secure_port(
                place, options.certificates.grpc_credentials()
            )
        except RuntimeError as error:
            self._server.stop(None)
            raise cannot_listen(
                address, options.port, "gRPC", "--port", "it is taken"
            ) from error

    def stop(self, grace: float) -> None:
        """Takes no new calls and gives the present ones `grace` seconds.

        Watches of the health end with the last call.
        """
        self._health.enter_graceful_shutdown()
        until = time.monotonic() + grace
        ended = self._server.stop(grace)
        self._pool.wait_idle(max(0.0, until - time.monotonic()))
        self._server.stop(0.0)
        ended.wait()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _channel_options(options: ServerOptions) -> list[tuple[str, int]]:
    return [
        # Otherwise two servers share one port without a word.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", options.max_request_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", options.max_connections),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        ("grpc.keepalive_time_ms", PING_MS),
        ("grpc.keepalive_timeout_ms", PING_TIMEOUT_MS),
    ]


class _CountCalls(grpc.ServerInterceptor):
    """Counts calls until their answers are sent, and the bytes of requests."""

    def __init__(self, pool: CountingPool, in_flight: BytesInFlight) -> None:
        self._pool = pool
        self._in_flight = in_flight

    def intercept_service(
        self, continuation: Callable[[Any], Any], details: Any
    ) -> Any:
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler

        def counted(held: list[bytes], context: Any) -> Any:
            self._pool.entered()
            if not context.add_callback(self._pool.left):
                self._pool.left()
            with self._in_flight.lease("GRPC") as lease:
                request = _message(
                    held, handler.request_deserializer, lease, context
                )
                return handler.unary_unary(request, context)

        # In a list, from which they can be taken: gRPC keeps what it hands
        # over until the call ends.
        return grpc.unary_unary_rpc_method_handler(
            counted, lambda data: [data], handler.response_serializer
        )


def _message(
    held: list[bytes],
    read: Callable[[bytes], Any],
    lease: Lease,
    context: Any,
) -> Any:
    """Reads a request in the thread of its call.

    Where gRPC itself reads, all other calls wait for it; and where a reader
    raises, it answers and keeps the stream for ever: after as many as a
    connection may have at a time, it refuses all others.
    """
    try:
        lease.add(len(held[0]))
        return read(held.pop())
    except StatusError as error:
        held.clear()
        context.abort(getattr(grpc.StatusCode, error.code), error.message)
    except DecodeError:
        context.abort(grpc.StatusCode.INTERNAL, "the request is no message")
