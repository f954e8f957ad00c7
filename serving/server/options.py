"""Every setting of the embedded server, checked when it is made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from metazoo.errors import ServingError
from metazoo.serving.config_protos import (
    METRICS_PATH,
    BatchingParameters,
    MonitoringConfig,
    read_text,
)
from metazoo.serving.server.batching_options import BatchingOptions
from metazoo.serving.server.pages import Page
from metazoo.serving.server.tls import ServerTls

LARGEST_REQUEST = 2**31 - 1
_THREADS_PER_CORE = 4
_POSITIVE = (
    "rest_timeout_ms",
    "max_request_bytes",
    "max_connections",
    "read_timeout",
)
_NOT_NEGATIVE = (
    "poll_interval",
    "config_poll_interval",
    "max_load_retries",
    "drain_timeout",
)
_THREADS = ("grpc_threads", "rest_threads")


@dataclass(frozen=True)
class ServerOptions:
    """How the embedded server listens, watches and answers.

    What TensorFlow Serving has too has its default. `batching` and `tls` may
    be given as the file that TensorFlow Serving reads.

    Attributes:
        port: gRPC port; 0 for a free one.
        rest_port: REST port; 0 for a free one, None for no REST.
        host: Address to listen on.
        poll_interval: Seconds between looks at the model folders; 0 to look
            once.
        model_config_file: File that the list of models was read from, to
            read it again.
        config_poll_interval: Seconds between looks at it; 0 for none.
        max_load_retries: Further tries after a load that failed.
        load_retry_interval: Seconds between tries; negative for none.
        allow_unavailable_labels: Whether a new label may point to a version
            that is not available yet.
        start_timeout: Seconds to wait for the models; None for ever.
        drain_timeout: Longest wait for present requests at the end, seconds.
        grpc_threads: gRPC requests that run at the same time.
        rest_threads: REST predictions that run at the same time.
        rest_timeout_ms: Longest time of a REST request, milliseconds.
        read_timeout: Seconds a REST client may be silent while it sends the
            head or the body of a request, or takes nothing of the answer.
        max_request_bytes: Largest request.
        max_bytes_in_flight: Most bytes of all requests together that have
            arrived and are not answered; None for four times
            `max_request_bytes`.
        max_connections: Most REST connections, and most gRPC calls under
            way.
        enable_cors: Whether browsers of other sites may read the answers.
        prometheus_path: Where the metrics are; None for nowhere.
        batching: How requests are merged over the tasks axis; None to run
            each alone.
        tls: Certificates of both ports; None for no encryption.
        tensor_content: Whether outputs are sent as raw bytes; otherwise in
            typed fields, as TensorFlow Serving sends them.
        pages: Files for people that REST serves beside the API, by path,
            such as `/`; None for none.
    """

    port: int = 8500
    rest_port: int | None = 8501
    host: str = "127.0.0.1"
    poll_interval: float = 1.0
    model_config_file: Path | None = None
    config_poll_interval: float = 0.0
    max_load_retries: int = 5
    load_retry_interval: float = 60.0
    allow_unavailable_labels: bool = False
    start_timeout: float | None = None
    drain_timeout: float = 30.0
    grpc_threads: int = max(16, _THREADS_PER_CORE * (os.cpu_count() or 1))
    rest_threads: int = max(8, _THREADS_PER_CORE * (os.cpu_count() or 1))
    rest_timeout_ms: int = 30_000
    read_timeout: float = 30.0
    max_request_bytes: int = 256 * 2**20
    max_bytes_in_flight: int | None = None
    max_connections: int = 1000
    enable_cors: bool = False
    prometheus_path: str | None = METRICS_PATH
    batching: BatchingOptions | str | Path | None = None
    tls: ServerTls | str | Path | None = None
    tensor_content: bool = False
    pages: Mapping[str, Page] | None = None

    def __post_init__(self) -> None:
        """Reads the files and checks the values.

        Raises:
            ServingError: Names the setting, what it is and what it must be.
        """
        if isinstance(self.batching, str | Path):
            self._set("batching", read_batching(self.batching))
        if isinstance(self.tls, str | Path):
            self._set("tls", ServerTls.from_file(self.tls))
        self._check_ports()
        self._check_numbers()
        path = self.prometheus_path
        if path is not None and not path.startswith("/"):
            raise ServingError(
                f"the path of the metrics must begin with '/'; got {path!r}"
            )
        if self.config_poll_interval and self.model_config_file is None:
            raise ServingError(
                "a poll interval of the model config file needs the file"
            )

    @property
    def most_bytes_in_flight(self) -> int:
        """`max_bytes_in_flight`, or what stands for it."""
        return self.max_bytes_in_flight or 4 * self.max_request_bytes

    @property
    def merging(self) -> BatchingOptions | None:
        """`batching`, its file read."""
        return cast("BatchingOptions | None", self.batching)

    @property
    def certificates(self) -> ServerTls | None:
        """`tls`, its file read."""
        return cast("ServerTls | None", self.tls)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_ports(self) -> None:
        ports = {"port": self.port, "rest_port": self.rest_port}
        for name, port in ports.items():
            if port is not None and not 0 <= port < 2**16:
                raise ServingError(
                    f"{name} must be between 0 and 65535; got {port}"
                )
        if self.port and self.port == self.rest_port:
            raise ServingError(
                f"gRPC and REST can't share port {self.port}; choose two with "
                "--port and --rest-port"
            )

    def _check_numbers(self) -> None:
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ServingError(
                    f"{name} must be more than 0; got {getattr(self, name)}"
                )
        for name in _NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise ServingError(
                    f"{name} must be at least 0; got {getattr(self, name)}"
                )
        for name in _THREADS:
            if getattr(self, name) < 1:
                raise ServingError(
                    f"{name} must be at least 1; got {getattr(self, name)}"
                )
        if self.max_request_bytes > LARGEST_REQUEST:
            raise ServingError(
                f"max_request_bytes must be at most {LARGEST_REQUEST}, the "
                f"limit of protobuf; got {self.max_request_bytes}"
            )
        most = self.max_bytes_in_flight
        if most is not None and most < self.max_request_bytes:
            raise ServingError(
                f"max_bytes_in_flight must be at least max_request_bytes, "
                f"{self.max_request_bytes}; got {most}"
            )


def read_batching(path: str | Path) -> BatchingOptions:
    """Reads a batching parameters file.

    Args:
        path: The file, in protobuf text format.

    Raises:
        ServingError: Names the file and what is wrong.
    """
    message = read_text(path, BatchingParameters)
    try:
        return BatchingOptions.from_proto(message)
    except ServingError as error:
        raise ServingError(f"{path}: {error}") from error


def read_monitoring(path: str | Path) -> str | None:
    """Reads where a monitoring file wants the metrics.

    Args:
        path: The file, in protobuf text format.

    Returns:
        The path of the metrics; None for nowhere.

    Raises:
        ServingError: Names the file and what is wrong.
    """
    config = read_text(path, MonitoringConfig).prometheus_config
    if not config.enable:
        return None
    found = config.path or METRICS_PATH
    if not found.startswith("/"):
        raise ServingError(
            f"{path}: prometheus_config.path must begin with '/'; got {found!r}"
        )
    return str(found)
