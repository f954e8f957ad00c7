"""The server's own files: batching, monitoring and TLS."""

from __future__ import annotations

from pathlib import Path

from metazoo.errors import ServingError
from metazoo.serving.config_protos import (
    METRICS_PATH,
    BatchingParameters,
    MonitoringConfig,
    SSLConfig,
    write_text,
)
from metazoo.serving.operations.settings import Settings, TlsFiles


def batching_text(settings: Settings) -> str:
    """Writes batching.txt.

    Inputs are never padded to each other's length: TensorFlow Serving pads
    with a tensor's first element, which changes answers without an error.

    Args:
        settings: How the servers run.
    """
    message = BatchingParameters()
    message.max_batch_size.value = settings.max_batch_size
    message.batch_timeout_micros.value = settings.batch_timeout_micros
    message.max_enqueued_batches.value = settings.max_enqueued_batches
    message.num_batch_threads.value = settings.cpus
    message.allowed_batch_sizes.extend(settings.allowed_batch_sizes)
    return write_text(message)


def monitoring_text() -> str:
    """Writes monitoring.config."""
    message = MonitoringConfig()
    message.prometheus_config.enable = True
    message.prometheus_config.path = METRICS_PATH
    return write_text(message)


def ssl_text(files: TlsFiles) -> str:
    """Writes ssl.config, which holds the private key itself.

    Args:
        files: The PEM files.

    Raises:
        ServingError: If a file can't be read or holds something else; names
            the file.
    """
    message = SSLConfig(
        server_key=_pem(files.key, "PRIVATE KEY"),
        server_cert=_pem(files.certificate, "CERTIFICATE"),
    )
    if files.client_ca is not None:
        message.custom_ca = _pem(files.client_ca, "CERTIFICATE")
        message.client_verify = True
    return write_text(message)


def _pem(path: str | Path, kind: str) -> str:
    try:
        text = Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ServingError(f"{path} can't be read: {error}") from error
    if f"{kind}-----" not in text or "-----BEGIN " not in text:
        raise ServingError(f"{path} holds no {kind} in PEM form")
    if "ENCRYPTED" in text:
        raise ServingError(
            f"{path} is encrypted; TensorFlow Serving asks for no password"
        )
    return text
