"""What is fuzzed: how an input is made, where it goes, what is wrong."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from fuzz_inputs import (
    base64_body,
    gzip_body,
    http_head,
    json_body,
    metadata_request,
    mutated_bytes,
    predict_request,
    status_request,
)
from fuzz_wire_calls import METADATA, PREDICT, STATUS, FoundError
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.config import model_server_config_pb2

from metazoo.errors import ServingError
from metazoo.serving import config_protos
from metazoo.serving.server import json_numbers, json_tensor
from metazoo.serving.server.config import from_file, from_proto
from metazoo.serving.server.grpc_services import decode_inputs
from metazoo.serving.signatures import SignatureInfo, TensorInfo
from metazoo.serving.status import StatusError

GZIP = {"Content-Encoding": "gzip"}

# Target -> (how an input is made, what is done with it).
REMOTE = {
    "json": (json_body, lambda victim, data: victim.post(data)),
    "base64": (base64_body, lambda victim, data: victim.post(data)),
    "gzip": (gzip_body, lambda victim, data: victim.post(data, headers=GZIP)),
    "http": (http_head, lambda victim, data: victim.head(data)),
    "predict": (predict_request, lambda v, data: v.call(PREDICT, data)),
    "metadata": (metadata_request, lambda v, data: v.call(METADATA, data)),
    "status": (status_request, lambda v, data: v.call(STATUS, data)),
}

CONFIG = """model_config_list { config {
  name: "a" base_path: "/m/a" model_platform: "tensorflow"
  model_version_policy { specific { versions: 1 versions: 2 } }
  version_labels { key: "stable" value: 1 }
} }
"""
BATCHING = """max_batch_size { value: 32 } batch_timeout_micros { value: 5 }
allowed_batch_sizes: 8 allowed_batch_sizes: 32 pad_variable_length_inputs: true
"""
MONITORING = 'prometheus_config { enable: true path: "/metrics" }\n'
TLS = 'server_key: "k" server_cert: "c" custom_ca: "" client_verify: true\n'


def config_text(rng):
    text = rng.choice([CONFIG, BATCHING, MONITORING, TLS])
    return mutated_bytes(rng, text.encode())


def read_config(data):
    """Configuration files end in ServingError or are read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config")
        path.write_bytes(data)
        for message in (
            config_protos.BatchingParameters,
            config_protos.MonitoringConfig,
            config_protos.SSLConfig,
        ):
            _only(ServingError, lambda m=message: _read_text(path, m))
        _only(ServingError, lambda: from_file(path))


def _read_text(path, message):
    from metazoo.serving.server.batching_options import BatchingOptions

    found = config_protos.read_text(path, message)
    if message is config_protos.BatchingParameters:
        BatchingOptions.from_proto(found)


def _only(error, work):
    try:
        work()
    except error:
        pass
    except Exception as other:
        raise FoundError(f"{type(other).__name__}: {other}") from other


def config_message(rng):
    config = text_format.Parse(
        CONFIG, model_server_config_pb2.ModelServerConfig()
    )
    return mutated_bytes(rng, config.SerializeToString())


def read_config_message(data):
    """The list of a reload ends in a status or is read."""
    try:
        config = model_server_config_pb2.ModelServerConfig.FromString(data)
    except Exception:
        return
    _only(StatusError, lambda: from_proto(config))


def _info(name, dtype, axes):
    return TensorInfo(name, dtype, (None,) * axes)


SIGNATURE = SignatureInfo(
    "s",
    {
        "x": _info("x", "float32", 2),
        "y": _info("y", "int64", 2),
        "t": _info("t", "bool", 1),
    },
    {},
)
LONG = "[" + ",".join(f"[{i},{i}.5]" for i in range(70)) + "]"
PLAIN = '{"inputs": {"x": %s, "y": %s, "t": [true]}}' % (  # noqa: UP031
    LONG,
    LONG.replace(".5", "7"),
)


def long_body(rng):
    return mutated_bytes(rng, PLAIN.encode())


def read_both_ways(data):
    """The fast reader of JSON must read what the plain one reads."""
    fast = _decoded(data)
    load = json_numbers.load
    json_numbers.load = json_tensor.orjson.loads
    try:
        plain = _decoded(data)
    finally:
        json_numbers.load = load
    if isinstance(fast, str) or isinstance(plain, str):
        # Which fault is named first may differ, not whether there is one.
        if isinstance(fast, str) != isinstance(plain, str):
            raise FoundError(f"fast: {fast!r:.200}; plain: {plain!r:.200}")
        return
    for name, value in plain.items():
        if value.dtype != fast[name].dtype or not np.array_equal(
            value, fast[name], equal_nan=value.dtype.kind == "f"
        ):
            raise FoundError(f"{name}: {fast[name]!r:.200} not {value!r:.200}")


def _decoded(data):
    try:
        return json_tensor.decode(json_tensor.parse_body(data), SIGNATURE)
    except StatusError as error:
        return error.code
    except Exception as error:
        raise FoundError(f"{type(error).__name__}: {error}") from error


def read_request(data):
    """Bytes of a PredictRequest are decoded or refused."""
    try:
        request = predict_pb2.PredictRequest.FromString(data)
    except DecodeError:
        return
    known = dict.fromkeys(request.inputs, SIGNATURE.inputs["x"])
    signature = SignatureInfo("s", known, {})
    _only(StatusError, lambda: decode_inputs(request, signature))


# Target -> (how an input is made, what is done with it), in this process.
LOCAL = {
    "config text": (config_text, read_config),
    "config message": (config_message, read_config_message),
    "both readers": (long_body, read_both_ways),
    "request": (predict_request, read_request),
}
