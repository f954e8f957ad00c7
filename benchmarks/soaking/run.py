"""A soak from its exports to its report."""

from __future__ import annotations

import argparse
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import keras
import numpy as np
from google.protobuf import text_format

from metazoo.layers import conv4
from metazoo.methods.protonet.protonet_model import ProtoNet
from metazoo.serving import export
from soaking.bad import bad_cases, other_cases
from soaking.case import WEIGHTS, Case
from soaking.churn import Churn, models_config
from soaking.good import Teacher, good_cases
from soaking.load import LoadJob, LoadResult, run_load, spawn_pool
from soaking.mix import weights_of
from soaking.outages import Window, unexplained
from soaking.report import write_report
from soaking.server import ServerProcess
from soaking.watch import Watch

SHAPE = (16, 16, 1)
# Signal -> the share of the requests that comes before it.
RESTARTS = {"SIGKILL": 0.75, "SIGTERM": 0.875}
# A server that was just started has requests of every client by then.
AFTER_START = 0.2


def make_learners(seed: int) -> dict[str, ProtoNet]:
    """Makes two learners that differ in their weights alone."""
    learners = {}
    for number, weights in enumerate(WEIGHTS):
        keras.utils.set_random_seed(2 * seed + number)
        learners[weights] = ProtoNet(conv4(SHAPE, filters=4))
    return learners


def make_cases(teacher: Teacher, seed: int) -> list[Case]:
    """Makes every request of a soak."""
    rng = np.random.default_rng(seed)
    return [
        *good_cases(teacher, rng),
        *bad_cases(teacher, rng),
        *other_cases(),
    ]


class RunningServer:
    """A server that somebody else runs: only asked, never restarted."""

    def __init__(self, address: str) -> None:
        """Reads `host:port,rest_port`."""
        self.pid: int | None = None
        self.address, rest_port = address.split(",")
        self.rest = (self.address.rpartition(":")[0], int(rest_port))


class Soak:
    """The parts of one soak that runs."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        """Exports, publishes, and makes the requests.

        Args:
            options: Of the command line.
            folder: Where models and log are kept.
        """
        self.options = options
        self.windows: list[Window] = []
        self.starts: list[float] = []
        self.began = time.time()
        learners = make_learners(options.seed)
        exports = {
            weights: export(
                learner, folder / "exports" / weights, checks=("session",)
            )
            for weights, learner in learners.items()
        }
        root = folder / "models"
        self.server: ServerProcess | None = None
        if options.server:
            running = RunningServer(options.server)
            self.grpc_address, self.rest_address = running.address, running.rest
        else:
            text = text_format.MessageToString(models_config(str(root)))
            self.server = ServerProcess(folder, text)
            self.grpc_address = f"127.0.0.1:{self.server.port}"
            self.rest_address = ("127.0.0.1", self.server.rest_port)
        self.churn = Churn(root, exports, self.grpc_address, str(root))
        self.cases = make_cases(Teacher(learners), options.seed)

    def job(self, index: int) -> LoadJob:
        """The share of one process."""
        options = self.options
        processes = options.processes
        return LoadJob(
            self.cases,
            weights_of(self.cases),
            len(range(index, options.requests, processes)),
            len(range(index, options.clients, processes)),
            options.seed * 1000 + index,
            self.grpc_address,
            self.rest_address,
        )

    def restart(self, kind: str) -> int:
        """Ends the server and starts it again; returns its status."""
        server = self.server
        assert server is not None
        self.churn.halt()
        start = time.time()
        status = server.kill() if kind == "SIGKILL" else server.drain()
        # A newest version that is not whole keeps any server from starting.
        self.churn.stop()
        self.starts.append(server.start())
        self.windows.append(Window(kind, start, time.time()))
        self.churn.start(self.options.churn)
        return status


def run_soak(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Runs a soak.

    Args:
        options: Of the command line.
        folder: Where models and log are kept.

    Returns:
        The report; `faults` says what was wrong.
    """
    soak = Soak(options, folder)
    if soak.server is None:
        return _ask(soak)
    soak.starts.append(soak.server.start())
    try:
        return _ask(soak)
    finally:
        if soak.server.running():
            soak.server.kill()


def _ask(soak: Soak) -> dict[str, Any]:
    pool, progress = spawn_pool(soak.options.processes)
    interval = min(1.0, soak.options.requests / 5000)
    watch = Watch(soak.server, progress, interval)
    soak.churn.start(soak.options.churn)
    statuses: dict[str, int] = {}
    try:
        loads = [
            pool.submit(run_load, soak.job(i))
            for i in range(soak.options.processes)
        ]
        if soak.server is not None:
            for kind in soak.options.restarts:
                share = RESTARTS[kind] * soak.options.requests
                _wait_until(progress, share, loads)
                time.sleep(AFTER_START)
                statuses[kind] = soak.restart(kind)
        result = LoadResult()
        for load in loads:
            result.merge(load.result())
    finally:
        soak.churn.stop()
        watch.stop()
        pool.shutdown(cancel_futures=True)
    result.problems += unexplained(result.outages, soak.windows)
    result.problems += [
        (end, f"churn, {what}", text)
        for end, what, text in soak.churn.problems
        if not any(window.covers(end) for window in soak.windows)
    ]
    return write_report(soak, result, watch, statuses)


def _wait_until(
    progress: Any, requests: float, loads: list[Future[LoadResult]]
) -> None:
    while progress.value < requests and not all(x.done() for x in loads):
        time.sleep(0.05)
