"""What the serving benchmark compares: a model, servers, clients."""

from __future__ import annotations

import atexit
import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import orjson
from tensorflow_serving.apis import predict_pb2

from metazoo.methods.protonet.protonet_recipe import RECIPES
from metazoo.serving import export
from metazoo.serving.tensors import write_content

HERE = Path(__file__).resolve().parent
MODEL = "protonet"
SIGNATURE = "adapt_predict"
WAYS, SHOTS, SHAPE = 5, 5, (28, 28, 1)
READY = re.compile(r"gRPC on \S+:(\d+), REST on \S+:(\d+)")
TICKS = os.sysconf("SC_CLK_TCK")


def export_model(folder: Path) -> Path:
    """Exports a Conv4-64 prototypical network; its weights do not matter."""
    keras.utils.set_random_seed(0)
    base = folder / MODEL
    export(RECIPES["omniglot"].build_learner(SHAPE), base)
    return base


def episode(queries_per_class: int) -> dict[str, np.ndarray]:
    """One 5-way 5-shot task."""
    rng = np.random.default_rng(0)

    def images(count: int) -> np.ndarray:
        drawn = rng.uniform(0, 255, (1, count, *SHAPE))
        return drawn.astype(np.float32)

    return {
        "support_x": images(WAYS * SHOTS),
        "support_y": np.repeat(np.arange(WAYS), SHOTS)[None],
        "query_x": images(WAYS * queries_per_class),
    }


def write_bodies(
    inputs: dict[str, np.ndarray], folder: Path
) -> dict[str, Path]:
    """Writes a request in each form.

    Returns:
        `grpc`, `json` or `base64` -> file.
    """
    coded: dict[str, Any] = {
        name: [{"b64": base64.b64encode(row.tobytes()).decode()} for row in v]
        if v.dtype == np.float32
        else v
        for name, v in inputs.items()
    }
    texts = {"signature_name": f"{SIGNATURE}_bytes", "inputs": coded}
    return store_bodies(
        {
            "grpc": grpc_body(MODEL, SIGNATURE, inputs),
            "json": json_body(SIGNATURE, inputs),
            "base64": orjson.dumps(texts, option=orjson.OPT_SERIALIZE_NUMPY),
        },
        folder,
    )


def grpc_body(
    model: str, signature: str, inputs: dict[str, np.ndarray]
) -> bytes:
    """A request as gRPC carries it."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        write_content(request.inputs[name], value)
    return request.SerializeToString()


def json_body(signature: str, inputs: dict[str, np.ndarray]) -> bytes:
    """A request as REST carries it, column by column; texts as strings."""
    columns = {
        name: np.char.decode(value, "utf-8").tolist()
        if value.dtype.kind == "S"
        else np.ascontiguousarray(value)
        for name, value in inputs.items()
    }
    return orjson.dumps(
        {"signature_name": signature, "inputs": columns},
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def store_bodies(bodies: dict[str, bytes], folder: Path) -> dict[str, Path]:
    """Writes requests to files, by their names."""
    paths = {name: folder / f"{name}.body" for name in bodies}
    for name, body in bodies.items():
        paths[name].write_bytes(body)
    return paths


class Server:
    """`metazoo serve` in a process of its own.

    Attributes:
        ready_seconds: From its start to the word that it is ready.
        ready_cpu: CPU seconds it took until then.
    """

    def __init__(self, base: Path, *options: str) -> None:
        """Starts it and waits until it is ready; the folder names the model."""
        ports = ("--port", "0", "--rest-port", "0")
        model = ("--model", f"{base.name}={base}")
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "metazoo", "serve", *model, *ports]
            + list(options),
            stdout=subprocess.PIPE,
            text=True,
        )
        # Nothing is left behind when the benchmark breaks off.
        atexit.register(self.process.kill)
        found = READY.search(self.process.stdout.readline())
        self.ready_seconds = time.perf_counter() - started
        if found is None:
            raise SystemExit("the server did not start")
        self.ready_cpu = self.cpu()
        self.port, self.rest_port = int(found[1]), int(found[2])

    def cpu(self) -> float:
        """CPU seconds so far, all threads, user and system."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS

    def resident_mib(self) -> float:
        """Resident memory in MiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    def close(self) -> None:
        """Drains and ends it."""
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait() != 0:
            raise SystemExit("the server did not end well")


class Load:
    """The process that the clients live in."""

    def __init__(self, bodies: dict[str, Path], model: str = MODEL) -> None:
        """Starts it; the bodies whose names begin with `grpc` go there."""
        self._bodies = bodies
        self._path = f"/v1/models/{model}:predict"
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "serving_load.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, server: Server, form: str, clients: int, requests: int
    ) -> dict[str, Any]:
        """Sends requests; each client gets an equal share of them.

        Returns:
            `latencies` in seconds, `seconds` in all, and `cpu`, the
            server's CPU seconds for one request.
        """
        grpc = form.startswith("grpc")
        command = {
            "transport": "grpc" if grpc else "rest",
            "port": server.port if grpc else server.rest_port,
            "path": self._path,
            "body": str(self._bodies[form]),
            "clients": clients,
            "requests": max(requests, clients),
        }
        before = server.cpu()
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the clients ended early on {command}")
        answer = json.loads(line)
        # Every client sends one request more, which is not timed.
        sent = len(answer["latencies"]) + clients
        answer["cpu"] = (server.cpu() - before) / sent
        return answer

    def close(self) -> None:
        """Ends it."""
        self._process.stdin.close()
        self._process.wait()
