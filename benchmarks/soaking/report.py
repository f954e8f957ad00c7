"""Judges a soak and writes down what was seen."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from soaking.case import OUTAGES, Case, problem_of
from soaking.load import LoadResult
from soaking.senders import GrpcSender, RestSender
from soaking.watch import Watch, growth

WARM_UP = 0.3
# Slope and its error both count: a short run tells little of either.
MOST_GROWTH_MB_PER_100K = 50.0
# More requests at once than any pool has workers.
AT_ONCE = 48


def write_report(
    soak: Any, result: LoadResult, watch: Watch, statuses: dict[str, int]
) -> dict[str, Any]:
    """Makes the report.

    Args:
        soak: The soak, its server still running.
        result: What the clients saw.
        watch: The samples of the server.
        statuses: Signal -> exit status of the server it ended.

    Returns:
        A JSON document; `faults` is empty if nothing was wrong.
    """
    growths = _growths(watch)
    faults = [
        f"at {at - soak.began:.1f} s, {kind}: {what}"
        for at, kind, what in result.problems[:50]
    ]
    faults += _faults_of(soak, growths, statuses)
    seconds = time.time() - soak.began
    return {
        "faults": faults,
        "requests": soak.options.requests,
        "wrong": _count(result, ("WRONG",)),
        "unanswered": _count(result, OUTAGES),
        "outages_s": [
            [w.kind, round(w.start - soak.began, 1), round(w.end - w.start, 1)]
            for w in soak.windows
        ],
        "clients": soak.options.clients,
        "seed": soak.options.seed,
        "seconds": round(seconds, 1),
        "counts": _table(result),
        "latency_ms": _latencies(result),
        "churn": dict(soak.churn.counts),
        "starts_s": [round(s, 2) for s in soak.starts],
        "exit_statuses": statuses,
        "growth": growths,
        "machine": _machine(),
        "samples": watch.as_dicts(),
    }


def _count(result: LoadResult, statuses: tuple[str, ...]) -> int:
    return sum(n for (_, s), n in result.counts.items() if s in statuses)


def _growths(watch: Watch) -> list[dict[str, float]]:
    pids = list(dict.fromkeys(s.pid for s in watch.samples))
    return [growth(watch.samples, pid, WARM_UP) for pid in pids]


def _faults_of(
    soak: Any, growths: list[dict[str, float]], statuses: dict[str, int]
) -> list[str]:
    faults = _stuck(soak)
    if soak.server is None:
        return faults
    if not soak.server.running():
        faults.append("the server is not alive")
    faults += [f"log: {line}" for line in soak.server.bad_lines()[:20]]
    status = soak.server.drain()
    for kind, expected in (("SIGTERM", 0), ("SIGKILL", -9)):
        if statuses.get(kind, expected) != expected:
            faults.append(f"exit status {statuses[kind]} after {kind}")
    if status != 0:
        faults.append(f"exit status {status} at the end")
    if soak.options.requests >= 20_000:
        faults += _grown(growths[0])
    return faults


def _grown(found: dict[str, float]) -> list[str]:
    faults = []
    slope, error = found["rss_slope_mb_per_100k"], found["rss_slope_error"]
    if slope - 2 * error > MOST_GROWTH_MB_PER_100K:
        faults.append(f"memory grew by {slope:.0f} MiB in 100,000 requests")
    for what in ("threads", "files"):
        if found[f"{what}_last"] > 1.5 * found[f"{what}_first"] + 10:
            faults.append(
                f"{what} grew from {found[f'{what}_first']} to "
                f"{found[f'{what}_last']}"
            )
    return faults


def _stuck(soak: Any) -> list[str]:
    """Asks more at once than there are workers; each must answer."""
    good = {
        transport: next(
            case
            for case in soak.cases
            if case.transport == transport and case.answers
        )
        for transport in ("grpc", "rest")
    }

    def ask(index: int) -> str | None:
        transport = ("grpc", "rest")[index % 2]
        return _ask_once(soak, good[transport])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = {p for p in pool.map(ask, range(AT_ONCE)) if p is not None}
    return [f"at the end: {problem}" for problem in sorted(found)]


def _ask_once(soak: Any, case: Case) -> str | None:
    sender: Any = (
        GrpcSender(soak.grpc_address)
        if case.transport == "grpc"
        else RestSender(*soak.rest_address)
    )
    try:
        return problem_of(case, sender.send(case))
    finally:
        sender.close()


def _table(result: LoadResult) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = defaultdict(dict)
    for (kind, status), count in sorted(result.counts.items()):
        table[kind][status] = count
    return dict(table)


def _latencies(result: LoadResult) -> dict[str, dict[str, float]]:
    return {
        transport: {
            f"p{p:g}": round(1000 * float(np.percentile(values, p)), 2)
            for p in (50, 90, 99, 99.9, 100)
        }
        for transport, values in result.latencies.items()
        if values
    }


def _machine() -> dict[str, Any]:
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    packages = ("metazoo", "tensorflow", "keras", "grpcio", "numpy")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load": [round(x, 2) for x in os.getloadavg()],
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
    }
