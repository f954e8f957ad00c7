"""The REST server: its port, its threads, its end."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import uvicorn

from metazoo.errors import ServingError
from metazoo.serving.server.core import PredictCore
from metazoo.serving.server.in_flight import BytesInFlight
from metazoo.serving.server.listen import listen
from metazoo.serving.server.options import ServerOptions
from metazoo.serving.server.rest_app import RestApp
from metazoo.serving.server.rest_protocol import guarded_by

# For metadata, status and metrics, which take a millisecond each.
OTHER_THREADS = 4


class RestFrontend:
    """A REST server on one port, in a thread of its own.

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
            options: Port, limits and certificates; with certificates it
                answers HTTPS only, to the clients that gRPC answers.
            in_flight: Bounds the bytes of all requests.

        Raises:
            ServingError: If the port is taken.
        """
        self._socket = listen(
            address, options.rest_port or 0, "REST", "--rest-port"
        )
        self.port = self._socket.getsockname()[1]
        runs = ThreadPoolExecutor(options.rest_threads, "rest")
        others = ThreadPoolExecutor(OTHER_THREADS, "rest-other")
        self._pools = [runs, others]
        app = RestApp(core, options, runs, others, in_flight)
        self._server = uvicorn.Server(_uvicorn_config(app, options))
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name="rest-frontend",
            daemon=True,
        )
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                self._socket.close()
                raise ServingError("the REST server did not start")
            time.sleep(0.01)

    def stop(self, grace: float) -> None:
        """Takes no new requests and gives the present ones `grace` seconds."""
        self._server.config.timeout_graceful_shutdown = max(1, int(grace))
        self._server.should_exit = True
        self._thread.join()
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        self._socket.close()


def _uvicorn_config(app: RestApp, options: ServerOptions) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=guarded_by(options),
        lifespan="off",
        ws="none",
        log_config=None,
        # Below that it tells of every client that speaks no HTTP.
        log_level="error",
        access_log=False,
        timeout_keep_alive=max(1, int(options.read_timeout)),
    )
    config.load()
    if options.certificates is not None:
        config.ssl = options.certificates.ssl_context()
    return config
