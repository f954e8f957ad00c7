from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from metazoo.errors import ServingError
from metazoo.serving import serve
from metazoo.serving.binary import flags
from metazoo.serving.binary import run as run_binary
from metazoo.serving.server_files import ServerFiles

SERVE = """
import sys
from metazoo.serving import serve
sys.exit(serve({"linear": sys.argv[1]}, 0, 0))
"""

# Runs of graphs tell that they have begun, and wait for a file.
SERVE_HELD = """
import os, sys, time
from metazoo.serving import serve
from metazoo.serving.server.servable import Servable
run = Servable.run
def held(self, *arguments):
    os.write(1, b"running\\n")
    while not os.path.exists(sys.argv[2]):
        time.sleep(0.01)
    return run(self, *arguments)
Servable.run = held
sys.exit(serve({"linear": sys.argv[1]}, 0, 0, drain_timeout=float(sys.argv[3])))
"""

SERVE_AT = """
import sys
from metazoo.serving import serve
ports = map(int, sys.argv[2:])
sys.exit(serve({"linear": sys.argv[1]}, *ports))
"""

SERVE_BINARY = """
import sys
from metazoo.serving import serve
sys.exit(
    serve(
        {"linear": sys.argv[1]},
        int(sys.argv[2]),
        None,
        "0.0.0.0",
        max_load_retries=3,
    )
)
"""

# Stands in for the binary: shows its arguments, listens, and ends on SIGTERM
# with a status of its own.
FAKE_BINARY = """#!{python}
import signal, socket, sys
options = dict(a[2:].split("=", 1) for a in sys.argv[1:])
print(open(options["model_config_file"]).read(), flush=True)
print("flags", *sys.argv[1:], flush=True)
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
    # A process that falls silent ends, and the test with it.
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            found = re.search(pattern, line)
            if found:
                return found
    finally:
        watchdog.cancel()
    raise AssertionError(f"ended with {process.wait()} before {pattern}")


def ask_grpc(address, steps):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "linear"
    request.inputs["steps"].CopyFrom(tf.make_tensor_proto([steps], tf.int64))
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(request, timeout=60).outputs["y"]
        return round(answer.float_val[0])


def ask_rest(address, steps):
    connection = http.client.HTTPConnection(address, timeout=60)
    body = json.dumps({"inputs": [steps]})
    connection.request("POST", "/v1/models/linear:predict", body)
    answer = json.loads(connection.getresponse().read())["outputs"]["y"]
    return round(answer[0])


READY = r"ready: linear .*gRPC on (\S+:\d+), REST on (\S+:\d+)"


@pytest.fixture
def held(slow_dir, tmp_path):
    """A server whose runs wait for a file, with two of them under way."""
    made = []

    def begin(drain_timeout):
        gate = tmp_path / "gate"
        process = start(SERVE_HELD, slow_dir, gate, drain_timeout)
        made.append(process)
        found = read_until(process, READY)
        pool = ThreadPoolExecutor()
        answers = [
            pool.submit(ask_grpc, found[1], 1),
            pool.submit(ask_rest, found[2], 1),
        ]
        for _ in answers:
            read_until(process, "running")
        return process, found, answers, gate

    yield begin
    for process in made:
        process.kill()
        process.communicate()


def wait_refused(address):
    """Waits until nothing listens, as after the first signal."""
    host, _, port = address.partition(":")
    for _ in range(600):
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return
        time.sleep(0.05)
    raise AssertionError(f"{address} still listens")


def test_serve_drains_on_sigterm(held):
    process, found, answers, gate = held(60)
    with grpc.insecure_channel(found[1]) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest()
        )
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        process.send_signal(signal.SIGTERM)
        stopping = next(watch).status
        assert stopping == health_pb2.HealthCheckResponse.NOT_SERVING
        wait_refused(found[1])
        wait_refused(found[2])
        with pytest.raises(grpc.RpcError) as caught:
            ask_grpc(found[1], 1)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert not any(answer.done() for answer in answers)
        gate.touch()
        assert [answer.result() for answer in answers] == [1, 1]
        # The watch of the health does not hold up the end.
        assert process.wait(30) == 0


def test_requests_that_outlive_the_drain_are_left(held):
    process, _, answers, _ = held(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert isinstance(answers[0].exception(), grpc.RpcError)
    assert answers[1].exception() is not None


def test_second_signal_ends_at_once(held):
    process, found, _, _ = held(600)
    process.send_signal(signal.SIGTERM)
    wait_refused(found[2])
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM


def test_killed_server_serves_again_on_its_ports(slow_dir):
    process = start(SERVE_AT, slow_dir, 0, 0)
    again = None
    try:
        found = read_until(process, READY)
        ask_grpc(found[1], 1)
        process.kill()
        process.wait()
        ports = [address.rpartition(":")[2] for address in found.groups()]
        again = start(SERVE_AT, slow_dir, *ports)
        assert read_until(again, READY).groups() == found.groups()
        assert ask_grpc(found[1], 1) == ask_rest(found[2], 1) == 1
    finally:
        for one in (process, again):
            if one is not None:
                one.kill()
                one.communicate()


def test_sigterm_ends_wait_for_a_model(tmp_path):
    process = start(SERVE, tmp_path, stderr=subprocess.STDOUT)
    try:
        read_until(process, "waiting for a version: no versions found")
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
        read_until(process, "flags .*--max_num_load_retries=3")
        read_until(process, "ready: linear on the tensorflow_model_server")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 7
    finally:
        process.kill()
        process.communicate()


def test_binary_that_ends_by_the_signal_is_no_failure():
    def ready():
        os.kill(os.getpid(), signal.SIGTERM)

    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        handlers = [
            signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)
        ]
        try:
            assert run_binary(["sleep", "60"], port, ready) == 0
            died = ["sh", "-c", "kill -ABRT $$"]
            assert run_binary(died, port, lambda: None) == 128 + signal.SIGABRT
        finally:
            signal.signal(signal.SIGTERM, handlers[0])
            signal.signal(signal.SIGINT, handlers[1])


@pytest.mark.parametrize("taken", [0, 1])
def test_binary_on_a_taken_port_is_refused(
    model_dir, tmp_path, monkeypatch, free_port, taken
):
    binary = tmp_path / "tensorflow_model_server"
    binary.write_text("#!/bin/sh\nexit 9\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = [free_port, other.getsockname()[1]][:: 2 * taken - 1]
        option = ["--port", "--rest-port"][taken]
        with pytest.raises(ServingError, match=f"{ports[taken]}.*{option}"):
            serve({"linear": model_dir}, *ports, "0.0.0.0")


@pytest.mark.parametrize("ports", [(0, 2), (1, 0)])
def test_binary_without_a_port_number_is_refused(ports):
    with pytest.raises(ServingError, match="port is 0"):
        flags(*ports, ServerFiles(), {})


def test_flags_of_the_binary_are_those_of_the_settings(tmp_path):
    files = ServerFiles(None, True, tmp_path / "b", tmp_path / "m", None)
    found = flags(
        1,
        2,
        files,
        {
            "load_retry_interval": 0.25,
            "allow_unavailable_labels": True,
            "enable_cors": False,
            "poll_interval": 3,
            "rest_timeout_ms": 9,
        },
    )
    assert set(found) == {
        "--port=1",
        "--rest_api_port=2",
        "--enable_grpc_healthcheck_service=true",
        f"--batching_parameters_file={tmp_path / 'b'}",
        f"--monitoring_config_file={tmp_path / 'm'}",
        "--enable_batching=true",
        "--load_retry_interval_micros=250000",
        "--allow_version_labels_for_unavailable_models=true",
        "--rest_api_enable_cors_support=false",
        "--file_system_poll_wait_seconds=3",
        "--rest_api_timeout_in_ms=9",
    }
    tls = ServerFiles(ssl=tmp_path / "s")
    assert f"--ssl_config_file={tmp_path / 's'}" in flags(1, None, tls, {})


def test_setting_that_the_binary_has_not_is_refused():
    with pytest.raises(ServingError, match="has no max_request_bytes"):
        flags(1, 2, ServerFiles(), {"max_request_bytes": 5})


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
