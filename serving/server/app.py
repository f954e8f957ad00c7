"""The embedded server: starts, answers, drains."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from metazoo.errors import ServingError
from metazoo.serving.server.batching import BatchingOptions
from metazoo.serving.server.config import ModelConfig, from_mapping
from metazoo.serving.server.core import PredictCore
from metazoo.serving.server.grpc_frontend import GrpcFrontend
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.server.rest_frontend import RestFrontend
from metazoo.serving.server.versions import VersionManager

LOG = logging.getLogger(__name__)


class EmbeddedServer:
    """Serves exported models over gRPC and REST from this process.

    Use it as a context manager, or call `start` and `stop`. It listens on
    loopback only unless another host is given: nothing on the wire is
    authenticated. The ports open when every model has a version AVAILABLE.

    Attributes:
        host: Address in use.
        port: gRPC port in use, once started.
        rest_port: REST port in use, once started; None if off.
    """

    def __init__(
        self,
        models: Mapping[str, str | Path] | Sequence[ModelConfig],
        port: int = 8500,
        rest_port: int | None = 8501,
        host: str = "127.0.0.1",
        poll_interval: float = 1.0,
        start_timeout: float | None = None,
        tensor_content: bool = False,
        batching: BatchingOptions | None = None,
    ) -> None:
        """Stores the settings; nothing is opened or loaded yet.

        Args:
            models: Name -> base folder, or full configs.
            port: gRPC port; 0 for a free one.
            rest_port: REST port; 0 for a free one, None for no REST.
            host: Address to listen on.
            poll_interval: Seconds between looks at the model folders.
            start_timeout: Seconds to wait for the models; None for ever, as
                TensorFlow Serving does.
            tensor_content: Whether outputs are sent as raw bytes; otherwise
                in typed fields, as TensorFlow Serving sends them.
            batching: How concurrent requests are merged over the tasks
                axis; None runs each of them alone.

        Raises:
            ServingError: If no model is named.
        """
        if not models:
            raise ServingError("no model to serve; give at least one")
        configs = (
            from_mapping(models)
            if isinstance(models, Mapping)
            else list(models)
        )
        self.host = host
        self.port = port
        self.rest_port = rest_port
        self._start_timeout = start_timeout
        self._tensor_content = tensor_content
        metrics = Metrics()
        self._manager = VersionManager(configs, metrics, poll_interval)
        self._core = PredictCore(self._manager, metrics, batching)
        self._grpc: GrpcFrontend | None = None
        self._rest: RestFrontend | None = None

    def start(self) -> EmbeddedServer:
        """Loads the models, then opens the ports.

        Returns:
            Itself.

        Raises:
            ServingError: If a model does not load or a port is taken.
        """
        self._manager.start()
        try:
            self._manager.wait_available(self._start_timeout)
            self._grpc = GrpcFrontend(
                self._core, self.host, self.port, self._tensor_content
            )
            self.port = self._grpc.port
            if self.rest_port is not None:
                self._rest = RestFrontend(self._core, self.host, self.rest_port)
                self.rest_port = self._rest.port
        except BaseException:
            self.stop(grace=0.0)
            raise
        return self

    def stop(self, grace: float = 30.0) -> None:
        """Takes no new requests, finishes the present ones, and unloads.

        Args:
            grace: Longest wait for present requests, in seconds.
        """
        stoppers = [
            threading.Thread(target=frontend.stop, args=(grace,))
            for frontend in (self._grpc, self._rest)
            if frontend is not None
        ]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()
        self._grpc = self._rest = None
        self._manager.stop()

    def run_until_signalled(
        self, on_ready: Callable[[EmbeddedServer], None] | None = None
    ) -> None:
        """Serves until SIGTERM or SIGINT, then drains.

        Args:
            on_ready: Called once the ports are open.
        """
        ready, done = threading.Event(), threading.Event()

        def stop(number: int, frame: Any) -> None:
            if not ready.is_set():
                raise SystemExit(128 + number)
            done.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        with self:
            ready.set()
            if on_ready is not None:
                on_ready(self)
            done.wait()
            LOG.info("draining")

    def __enter__(self) -> EmbeddedServer:
        return self.start()

    def __exit__(self, *details: object) -> None:
        self.stop()
