from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from metazoo.errors import ServingError
from metazoo.serving import serve

SERVE = """
import sys
from metazoo.serving import serve
sys.exit(serve({"linear": sys.argv[1]}, 0, 0))
"""

SERVE_BINARY = """
import sys
from metazoo.serving import serve
sys.exit(serve({"linear": sys.argv[1]}, int(sys.argv[2]), None, "0.0.0.0"))
"""

# Stands in for the binary: shows its arguments, listens, and ends on SIGTERM
# with a status of its own.
FAKE_BINARY = """#!{python}
import signal, socket, sys
options = dict(a[2:].split("=", 1) for a in sys.argv[1:])
print(open(options["model_config_file"]).read(), flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
server = socket.create_server(("127.0.0.1", int(options["port"])))
while True:
    server.accept()
"""


def start(code, *arguments, stderr=subprocess.DEVNULL, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env={**os.environ, **environment},
    )


def read_until(process, pattern):
    for line in process.stdout:
        found = re.search(pattern, line)
        if found:
            return found
    raise AssertionError(f"ended with {process.wait()} before {pattern}")


def ask_grpc(address, steps):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "linear"
    request.inputs["steps"].CopyFrom(tf.make_tensor_proto([steps], tf.int64))
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return len(stub.Predict(request, timeout=60).outputs)


def ask_rest(address, steps):
    connection = http.client.HTTPConnection(address, timeout=60)
    body = json.dumps({"inputs": [steps]})
    connection.request("POST", "/v1/models/linear:predict", body)
    return len(json.loads(connection.getresponse().read())["outputs"])


def test_serve_drains_on_sigterm(slow_dir):
    process = start(SERVE, slow_dir)
    try:
        found = read_until(
            process, r"ready: linear .*gRPC on (\S+:\d+), REST on (\S+:\d+)"
        )
        started = time.monotonic()
        ask_grpc(found[1], 300)
        steps = int(300 * 2.0 / (time.monotonic() - started))
        with ThreadPoolExecutor() as pool:
            answers = [
                pool.submit(ask_grpc, found[1], steps),
                pool.submit(ask_rest, found[2], steps),
            ]
            time.sleep(0.7)
            assert not any(answer.done() for answer in answers)
            process.send_signal(signal.SIGTERM)
            assert [answer.result() for answer in answers] == [1, 1]
        assert process.wait(30) == 0
        with pytest.raises(OSError):
            ask_rest(found[2], 1)
    finally:
        process.kill()
        process.communicate()


def test_sigterm_ends_wait_for_a_model(tmp_path):
    process = start(SERVE, tmp_path, stderr=subprocess.STDOUT)
    try:
        read_until(process, "no versions found")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()


def test_binary_runs_with_generated_config(model_dir, tmp_path, free_port):
    binary = tmp_path / "tensorflow_model_server"
    binary.write_text(FAKE_BINARY.format(python=sys.executable))
    binary.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    process = start(SERVE_BINARY, model_dir, free_port, PATH=path)
    try:
        read_until(process, f'base_path: "{model_dir}"')
        read_until(process, "ready: linear on the tensorflow_model_server")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 7
    finally:
        process.kill()
        process.communicate()


def test_missing_folder_names_remedy(tmp_path):
    with pytest.raises(ServingError, match="metazoo export"):
        serve({"m": tmp_path / "none"})


def test_version_folder_is_explained(model_dir):
    with pytest.raises(ServingError, match="is a version folder"):
        serve({"m": model_dir / "1"})


def test_binary_is_required_where_asked(model_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServingError, match="not on the PATH"):
        serve({"m": model_dir}, prefer="tensorflow_model_server")
    binary = tmp_path / "tensorflow_model_server"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    with pytest.raises(ServingError, match="every address"):
        serve({"m": model_dir}, prefer="tensorflow_model_server")
    with pytest.raises(ServingError, match="prefer"):
        serve({"m": model_dir}, prefer="other")
