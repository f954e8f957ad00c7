"""Devices must be set up before TensorFlow starts, so in other processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


def start(script, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result_of(process):
    try:
        out, err = process.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, err[-3000:]
    line = next(x for x in out.splitlines() if x.startswith("RESULT"))
    return json.loads(line.removeprefix("RESULT"))


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirrored")
    return result_of(start("two_replicas.py", folder))


@pytest.mark.parametrize(
    "case", ["protonet", "maml", "reptile", "scaled", "guarded", "stream"]
)
def test_two_replicas_give_the_update_of_one(case, mirrored):
    assert mirrored["replicas"] == 2
    weights, logs = mirrored[case]
    assert weights < 1e-6
    assert logs < 1e-5


def test_step_that_is_bad_on_one_replica_is_skipped_on_all(mirrored):
    assert mirrored["skipped"] == [0.0, 1.0, 0.0]


def test_mirrored_run_resumes(mirrored):
    assert mirrored["resumed"] < 1e-6


def test_tasks_that_do_not_divide_are_refused(mirrored):
    assert "multiple of the 2 replicas" in mirrored["refusal"]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_the_update_of_one_device(workers, tmp_path):
    hosts = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    processes = [
        start(
            "one_worker.py",
            "multi_worker",
            tmp_path / "run",
            TF_CONFIG=json.dumps(
                {
                    "cluster": {"worker": hosts},
                    "task": {"type": "worker", "index": index},
                }
            ),
        )
        for index in range(workers)
    ]
    found = [result_of(process) for process in processes]
    alone = result_of(start("one_worker.py", "default", tmp_path / "alone"))
    for one in found:
        assert one["replicas"] == workers
        np.testing.assert_allclose(one["weights"], alone["weights"], atol=1e-6)
        assert one["loss"] == pytest.approx(alone["loss"], abs=1e-5)
    assert len(list((tmp_path / "run").iterdir())) == 2
