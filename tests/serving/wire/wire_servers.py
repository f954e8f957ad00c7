"""Servers under test: the embedded one, and TensorFlow Serving if there is."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2
from wire_models import MODELS, copy_version

BINARY = "tensorflow_model_server"
ADDRESS = "METAZOO_TF_SERVING"
FOLDERS = "METAZOO_TF_SERVING_MODELS"
NO_BINARY = f"{BINARY} is not on the PATH, and {ADDRESS} is not set"
ALONE = f"{ADDRESS} names one server for all: run without pytest-xdist"

BATCHING = """max_batch_size { value: 16 }
batch_timeout_micros { value: 500 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 2 }
"""
MONITORING = 'prometheus_config { enable: true path: "%s" }\n'
METRICS = "/monitoring/prometheus/metrics"
MESSAGES = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


@dataclass
class WireServer:
    """A running server and the folder that it reads models from.

    Attributes:
        kind: `embedded` or `real`.
        batching: Whether it merges requests.
        address: `host:port` of gRPC.
        rest: (host, port) of REST.
        models: The models' folder, as the tests write it.
        seen: The same folder, as the server reads it.
    """

    kind: str
    batching: bool
    address: str
    rest: tuple[str, int]
    models: Path
    seen: str

    def __post_init__(self):
        self.channel = grpc.insecure_channel(self.address, options=MESSAGES)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(
            self.channel
        )
        self.model = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def config(self, models=MODELS):
        return list_config(self.seen, models)

    def reload(self, config):
        request = model_management_pb2.ReloadConfigRequest(config=config)
        return self.model.HandleReloadConfigRequest(request, timeout=120)

    def serve_all(self):
        """Serves every model; labels only then, when all is loaded."""
        plain = [type(m)(m.name, m.every_version) for m in MODELS]
        self.reload(self.config(plain))
        self.reload(self.config())


def fill(root, version_folders):
    """Copies the version folders that are not there yet."""
    for source, name, version in version_folders:
        if not Path(root, name, str(version)).exists():
            copy_version(source, root, name, version)


def list_config(seen, models):
    config = model_server_config_pb2.ModelServerConfig()
    for model in models:
        entry = config.model_config_list.config.add(
            name=model.name,
            base_path=f"{seen}/{model.name}",
            model_platform="tensorflow",
            version_labels=model.labels,
        )
        if model.every_version:
            entry.model_version_policy.all.SetInParent()
    return config


def batching_options(text):
    from metazoo.serving.config_protos import BatchingParameters
    from metazoo.serving.server.batching_options import BatchingOptions

    message = text_format.Parse(text, BatchingParameters())
    return BatchingOptions.from_proto(message)


@contextmanager
def embedded(root, batching):
    from metazoo.serving import EmbeddedServer

    options = batching_options(BATCHING) if batching else None
    with EmbeddedServer(
        {"linear": Path(root, "linear")},
        port=0,
        rest_port=0,
        poll_interval=0.2,
        batching=options,
    ) as running:
        yield WireServer(
            "embedded",
            batching,
            f"127.0.0.1:{running.port}",
            ("127.0.0.1", running.rest_port),
            Path(root),
            str(root),
        )


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def real_is_there():
    return ADDRESS in os.environ or shutil.which(BINARY) is not None


@contextmanager
def real(root, batching):
    """The server of the environment's address, or one started here."""
    address = os.environ.get(ADDRESS)
    if address:
        if batching:
            pytest.skip(f"the server of {ADDRESS} is tested as it runs")
        if "PYTEST_XDIST_WORKER" in os.environ:
            pytest.skip(ALONE)
        yield connect(address, os.environ[FOLDERS])
        return
    with started(shutil.which(BINARY), root, batching) as running:
        yield running


def connect(address, folders):
    """Reads `host:port,rest_port` and `local folder[:folder there]`."""
    grpc_address, rest_port = address.split(",")
    local, _, seen = folders.partition(":")
    host = grpc_address.rpartition(":")[0]
    return WireServer(
        "real",
        False,
        grpc_address,
        (host, int(rest_port)),
        Path(local),
        seen or local,
    )


@contextmanager
def started(binary, root, batching):
    """Starts the binary on free ports and stops it at the end."""
    port, rest_port = free_port(), free_port()
    folder = Path(root).parent
    log = folder / "server.log"
    arguments = write_arguments(folder, root, batching)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [binary, f"--port={port}", f"--rest_api_port={rest_port}"]
            + arguments,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_open(process, rest_port, log)
        yield WireServer(
            "real",
            batching,
            f"127.0.0.1:{port}",
            ("127.0.0.1", rest_port),
            Path(root),
            str(root),
        )
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def write_arguments(folder, root, batching, models=MODELS[:1]):
    files = {
        "model_config_file": text_format.MessageToString(
            list_config(root, models)
        ),
        "monitoring_config_file": MONITORING % METRICS,
    }
    if batching:
        files["batching_parameters_file"] = BATCHING
    for name, text in files.items():
        Path(folder, f"{name}.txt").write_text(text)
    return [
        *(f"--{name}={folder}/{name}.txt" for name in files),
        f"--enable_batching={str(batching).lower()}",
        "--enable_grpc_healthcheck_service=true",
        "--file_system_poll_wait_seconds=1",
        "--max_num_load_retries=1",
        "--load_retry_interval_micros=100000",
    ]


def wait_open(process, port, log, seconds=120.0):
    limit = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < limit:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(
        f"{process.args[0]} opened no port {port} (ended with "
        f"{process.poll()}); its log ends with:\n{log.read_text()[-2000:]}"
    )
