"""The embedded server: starts, answers, drains."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

from metazoo.errors import ServingError
from metazoo.serving.server.config import ModelConfig, from_file, from_mapping
from metazoo.serving.server.config_watch import ConfigWatch
from metazoo.serving.server.core import PredictCore
from metazoo.serving.server.grpc_frontend import GrpcFrontend
from metazoo.serving.server.in_flight import BytesInFlight
from metazoo.serving.server.listen import check_free, is_loopback, resolve
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.server.options import ServerOptions
from metazoo.serving.server.rest_frontend import RestFrontend
from metazoo.serving.server.versions import VersionManager

LOG = logging.getLogger(__name__)

Models = Mapping[str, str | Path] | Sequence[ModelConfig]


class EmbeddedServer:
    """Serves exported models over gRPC and REST from this process.

    Use it as a context manager, or call `start` and `stop`. It listens on
    loopback only unless another host is given. The ports open when every
    model has a version AVAILABLE.

    Attributes:
        options: Every setting.
        names: The models that it was started with.
        host: Address in use.
        port: gRPC port in use, once started.
        rest_port: REST port in use, once started; None if off.
        drained: Whether every request was answered when it was stopped.
    """

    def __init__(
        self,
        models: Models | None = None,
        port: int = 8500,
        rest_port: int | None = 8501,
        host: str = "127.0.0.1",
        **settings: Any,
    ) -> None:
        """Checks the settings; nothing is opened or loaded yet.

        Args:
            models: Name -> base folder, or full configs; None for those of
                `model_config_file`.
            port: gRPC port; 0 for a free one.
            rest_port: REST port; 0 for a free one, None for no REST.
            host: Address to listen on.
            **settings: Further fields of
                `metazoo.serving.server.options.ServerOptions`.

        Raises:
            ServingError: If no model is named, or a setting can't be used.
        """
        self.options = ServerOptions(port, rest_port, host, **settings)
        self.host, self.port, self.rest_port = host, port, rest_port
        self.drained = True
        metrics = Metrics()
        configs = _configs(models, self.options)
        self.names = [config.name for config in configs]
        self._manager = VersionManager(
            configs,
            metrics,
            self.options.poll_interval,
            self.options.max_load_retries,
            self.options.load_retry_interval,
            self.options.allow_unavailable_labels,
        )
        self._core = PredictCore(self._manager, metrics, self.options.merging)
        self._watch: ConfigWatch | None = None
        self._grpc: GrpcFrontend | None = None
        self._rest: RestFrontend | None = None
        self._opening = False

    @classmethod
    def from_options(
        cls, models: Models | None, options: ServerOptions
    ) -> Self:
        """Makes a server of ready settings.

        Args:
            models: As for the constructor.
            options: The settings.
        """
        found = {f.name: getattr(options, f.name) for f in fields(options)}
        return cls(models, **found)

    def start(self) -> EmbeddedServer:
        """Loads the models, then opens the ports.

        Returns:
            Itself.

        Raises:
            ServingError: If a model does not load or a port is taken.
        """
        address = resolve(self.host)
        self._check_ports(address)
        self._manager.start()
        try:
            self._manager.wait_available(self.options.start_timeout)
            self._opening = True
            self._open(address)
        except BaseException:
            # Python must not end while a thread loads: TensorFlow may crash.
            self._manager.finish_loading()
            self.stop(grace=0.0)
            raise
        self._watch_config()
        return self

    def _check_ports(self, address: str) -> None:
        if self.port:
            check_free(address, self.port, "gRPC", "--port")
        if self.rest_port:
            check_free(address, self.rest_port, "REST", "--rest-port")
        if self.options.tls is None and not is_loopback(address):
            LOG.warning(
                "listening on %s without TLS: whoever reaches it can use and "
                "replace the models, and nothing is encrypted",
                address,
            )

    def _open(self, address: str) -> None:
        in_flight = BytesInFlight(
            self.options.most_bytes_in_flight, self._core.metrics
        )
        self._grpc = GrpcFrontend(self._core, address, self.options, in_flight)
        self.port = self._grpc.port
        if self.rest_port is not None:
            self._rest = RestFrontend(
                self._core, address, self.options, in_flight
            )
            self.rest_port = self._rest.port

    def _watch_config(self) -> None:
        path, interval = (
            self.options.model_config_file,
            self.options.config_poll_interval,
        )
        if path is not None and interval:
            self._watch = ConfigWatch(path, interval, self._manager)
            self._watch.start()

    def stop(self, grace: float | None = None) -> None:
        """Takes no new requests, finishes the present ones, and unloads.

        Args:
            grace: Longest wait for present requests, in seconds; by default
                the `drain_timeout` of the options.
        """
        grace = self.options.drain_timeout if grace is None else grace
        until = time.monotonic() + grace
        self._manager.end_waits()
        if self._watch is not None:
            self._watch.stop()
        stoppers = [
            threading.Thread(target=frontend.stop, args=(grace,))
            for frontend in (self._grpc, self._rest)
            if frontend is not None
        ]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()
        self._grpc = self._rest = self._watch = None
        self.drained = self._manager.stop(max(0.5, until - time.monotonic()))

    def run_until_signalled(
        self, on_ready: Callable[[EmbeddedServer], None] | None = None
    ) -> None:
        """Serves until SIGTERM or SIGINT, then drains.

        A second signal ends the process at once.

        Args:
            on_ready: Called once the ports are open.
        """
        done = threading.Event()
        numbers: list[int] = []

        def stop(number: int, frame: Any) -> None:
            numbers.append(number)
            if len(numbers) > 1:
                os._exit(128 + number)
            # From the moment a port opens there may be requests to finish.
            if not self._opening:
                raise SystemExit(128 + number)
            done.set()

        with _handling(stop), self:
            if on_ready is not None:
                on_ready(self)
            done.wait()
            LOG.info("draining")

    def __enter__(self) -> EmbeddedServer:
        return self.start()

    def __exit__(self, *details: object) -> None:
        self.stop()


@contextmanager
def _handling(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Has a handler take the signals that end a server."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _configs(
    models: Models | None, options: ServerOptions
) -> Sequence[ModelConfig]:
    if models:
        return from_mapping(models) if isinstance(models, Mapping) else models
    if options.model_config_file is None:
        raise ServingError("no model to serve; give at least one")
    return from_file(options.model_config_file)
