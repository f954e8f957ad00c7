"""The configuration files of TensorFlow Serving as messages.

`tensorflow-serving-api` has the message of models.config, and none of those
of the batching, monitoring and TLS files; they are described here by the
field names and types that the server documents, and read and written in
protobuf text format.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from metazoo.errors import ServingError

# Where the metrics are unless a MonitoringConfig says otherwise.
METRICS_PATH = "/monitoring/prometheus/metrics"

_PACKAGE = "metazoo.serving.config"
_WRAPPERS = wrappers_pb2.DESCRIPTOR.name
_INT64 = ".google.protobuf.Int64Value"

# Message -> (field, type), in the order of the field numbers. A type that
# begins with a dot is a message; "repeated" marks a list.
_MESSAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "BatchingParameters": (
        ("max_batch_size", _INT64),
        ("batch_timeout_micros", _INT64),
        ("max_enqueued_batches", _INT64),
        ("num_batch_threads", _INT64),
        ("thread_pool_name", ".google.protobuf.StringValue"),
        ("allowed_batch_sizes", "repeated int64"),
        ("pad_variable_length_inputs", "bool"),
        ("enable_large_batch_splitting", ".google.protobuf.BoolValue"),
        ("max_execution_batch_size", _INT64),
    ),
    "PrometheusConfig": (("enable", "bool"), ("path", "string")),
    "MonitoringConfig": (
        ("prometheus_config", f".{_PACKAGE}.PrometheusConfig"),
    ),
    "SSLConfig": (
        ("server_key", "string"),
        ("server_cert", "string"),
        ("custom_ca", "string"),
        ("client_verify", "bool"),
    ),
}


def _describe() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="metazoo/serving/config.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[_WRAPPERS],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, start=1):
            _add_field(message.field.add(name=field, number=number), kind)
    return file


def _add_field(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    repeated, _, kind = kind.rpartition(" ")
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind.startswith("."):
        field.type = field.TYPE_MESSAGE
        field.type_name = kind
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")


_POOL = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
_POOL.Add(_describe())


def _message(name: str) -> Any:
    found = _POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}")
    return message_factory.GetMessageClass(found)


BatchingParameters = _message("BatchingParameters")
MonitoringConfig = _message("MonitoringConfig")
SSLConfig = _message("SSLConfig")


def read_text(path: str | Path, message: Any) -> Any:
    """Reads a file in protobuf text format.

    Args:
        path: The file.
        message: Class of the message, such as `BatchingParameters`.

    Returns:
        The message.

    Raises:
        ServingError: If the file can't be read, or is not of that form;
            names the file and the line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ServingError(f"{path} can't be read: {error}") from error
    try:
        return text_format.Parse(text, message())
    except text_format.ParseError as error:
        raise ServingError(
            f"{path} is no {message.DESCRIPTOR.name} in protobuf text "
            f"format: {error}"
        ) from error


def write_text(message: Any) -> str:
    """Writes a message in protobuf text format.

    Args:
        message: Of any class.
    """
    return text_format.MessageToString(message, as_utf8=True)
