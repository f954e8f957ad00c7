"""TensorFlow Serving's own files, for whichever server reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metazoo.errors import ServingError


@dataclass(frozen=True)
class ServerFiles:
    """The files that a server is started with, in protobuf text format.

    Attributes:
        model_config: List of models, a ModelServerConfig.
        enable_batching: Whether requests are merged.
        batching: How, a BatchingParameters; None for the defaults.
        monitoring: Where the metrics are, a MonitoringConfig.
        ssl: Certificates, an SSLConfig.
    """

    model_config: Path | None = None
    enable_batching: bool = False
    batching: Path | None = None
    monitoring: Path | None = None
    ssl: Path | None = None

    def __post_init__(self) -> None:
        """Refuses a batching file without batching, as the server does.

        Raises:
            ServingError: Names both options.
        """
        if self.batching is not None and not self.enable_batching:
            raise ServingError(
                "--batching-parameters-file has no meaning without "
                "--enable-batching"
            )

    def settings(self) -> dict[str, Any]:
        """Reads the files.

        Returns:
            Fields of the embedded server's options.

        Raises:
            ServingError: Names the file, and the line where it is malformed.
        """
        from metazoo.serving.server.batching_options import BatchingOptions
        from metazoo.serving.server.options import (
            read_batching,
            read_monitoring,
        )
        from metazoo.serving.server.tls import ServerTls

        found: dict[str, Any] = {}
        if self.model_config is not None:
            found["model_config_file"] = self.model_config
        if self.batching is not None:
            found["batching"] = read_batching(self.batching)
        elif self.enable_batching:
            found["batching"] = BatchingOptions()
        if self.monitoring is not None:
            found["prometheus_path"] = read_monitoring(self.monitoring)
        if self.ssl is not None:
            found["tls"] = ServerTls.from_file(self.ssl)
        return found

    def flags(self) -> list[str]:
        """Lists the flags that hand the files to TensorFlow Serving."""
        files = {
            "batching_parameters_file": self.batching,
            "monitoring_config_file": self.monitoring,
            "ssl_config_file": self.ssl,
        }
        flags = [f"--{k}={v}" for k, v in files.items() if v is not None]
        return flags + ["--enable_batching=true"] * self.enable_batching
