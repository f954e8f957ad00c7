"""Times the embedded server against the bare call, in one interleaved run.

python benchmarks/serving.py --rounds 7 --requests 200
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from recording import Rows, machine, write
from serving_sides import (
    SIGNATURE,
    Load,
    Server,
    episode,
    export_model,
    write_bodies,
)

from metazoo.serving.session import SavedModelSession

CLIENTS = 16
BATCHING = ("--enable-batching",)

# Name -> (side, against, measure, how they are compared, target).
COMPARISONS: dict[str, tuple[str, str, str, str, str]] = {
    "added latency, p50": ("grpc", "bare", "p50_ms", "difference", "<= 3 ms"),
    "added latency, p99": ("grpc", "bare", "p99_ms", "difference", ""),
    "added latency, p50, batching on": (
        "grpc, batching",
        "bare",
        "p50_ms",
        "difference",
        "<= 3 ms",
    ),
    "throughput of 16 clients, batching on": (
        "grpc, batching, 16 clients",
        "grpc, batching",
        "per_second",
        "ratio",
        ">= 1.5",
    ),
    "throughput of 16 clients, batching off": (
        "grpc, 16 clients",
        "grpc",
        "per_second",
        "ratio",
        "",
    ),
    "server CPU, REST with JSON": (
        "rest, json",
        "grpc",
        "cpu_ms",
        "ratio",
        "<= 8",
    ),
    "server CPU, REST with base64": (
        "rest, base64",
        "grpc",
        "cpu_ms",
        "ratio",
        "<= 2",
    ),
}


def measure(
    base: Path, queries: int, args: argparse.Namespace, folder: Path
) -> Rows:
    """Rows of every side, sides interleaved, for one size of episode."""
    inputs = episode(queries)
    load = Load(write_bodies(inputs, folder))
    plain, batching = Server(base), Server(base, *BATCHING)
    session = SavedModelSession(next(base.glob("[0-9]*")))
    sides: dict[str, Callable[[], dict[str, float]]] = {
        "bare": lambda: _bare(session, inputs, args.requests),
    }
    for name, server, form, clients in (
        ("grpc", plain, "grpc", 1),
        ("rest, json", plain, "json", 1),
        ("rest, base64", plain, "base64", 1),
        ("grpc, 16 clients", plain, "grpc", CLIENTS),
        ("grpc, batching", batching, "grpc", 1),
        ("grpc, batching, 16 clients", batching, "grpc", CLIENTS),
    ):
        sides[name] = lambda s=server, f=form, c=clients: _summary(
            load.run(s, f, c, args.requests)
        )
    rows = []
    # The first round only warms up.
    for number in range(-1, args.rounds):
        for side, run in sides.items():
            rows.append(
                {
                    "queries": queries,
                    "round": number,
                    "side": side,
                    **run(),
                    "load": os.getloadavg()[0],
                }
            )
    for part in (load, plain, batching, session):
        part.close()
    return [row for row in rows if row["round"] >= 0]


def _bare(
    session: SavedModelSession, inputs: dict[str, np.ndarray], requests: int
) -> dict[str, float]:
    """The graph's own time, in this process."""
    latencies = []
    cpu, begun = time.process_time(), time.perf_counter()
    for _ in range(requests):
        started = time.perf_counter()
        session.run(SIGNATURE, inputs)
        latencies.append(time.perf_counter() - started)
    return _summary(
        {
            "latencies": latencies,
            "seconds": time.perf_counter() - begun,
            "cpu": (time.process_time() - cpu) / requests,
        }
    )


def _summary(answer: dict[str, Any]) -> dict[str, float]:
    milliseconds = 1e3 * np.array(answer["latencies"])
    return {
        "p50_ms": float(np.percentile(milliseconds, 50)),
        "p99_ms": float(np.percentile(milliseconds, 99)),
        "per_second": len(milliseconds) / answer["seconds"],
        "cpu_ms": 1e3 * answer["cpu"],
    }


def compare(rows: Rows, queries: int) -> Rows:
    """One line for each comparison: both sides, and what lies between."""
    found = []
    for name, (side, against, key, how, target) in COMPARISONS.items():
        ours = _column(rows, queries, side, key)
        theirs = _column(rows, queries, against, key)
        paired = ours - theirs if how == "difference" else ours / theirs
        middle, other = float(np.median(ours)), float(np.median(theirs))
        found.append(
            {
                "what": name,
                "queries": queries,
                "measure": key,
                "side": side,
                "median": middle,
                "against": against,
                "against_median": other,
                "how": how,
                "value": middle - other
                if how == "difference"
                else middle / other,
                "least": float(paired.min()),
                "largest": float(paired.max()),
                "target": target,
            }
        )
    return found


def _column(rows: Rows, queries: int, side: str, key: str) -> np.ndarray:
    return np.array(
        [
            row[key]
            for row in rows
            if row["side"] == side and row["queries"] == queries
        ]
    )


def start_up(base: Path, starts: int) -> dict[str, Any]:
    """Seconds until a server with one model is ready."""
    seconds, cpu = [], []
    for _ in range(starts):
        server = Server(base)
        seconds.append(server.ready_seconds)
        cpu.append(server.ready_cpu)
        server.close()
    return {"seconds": seconds, "cpu_seconds": cpu, "target": "< 10 s"}


def memory(
    base: Path, args: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Resident memory of a batching server, MiB, as requests go by."""
    load = Load(write_bodies(episode(1), folder))
    server = Server(base, *BATCHING)
    # What pools and caches take, they take at first.
    load.run(server, "grpc", CLIENTS, args.memory_requests // 5)
    load.run(server, "json", 1, args.requests)
    resident = [server.resident_mib()]
    for _ in range(4):
        load.run(server, "grpc", CLIENTS, args.memory_requests // 5)
        resident.append(server.resident_mib())
    server.close()
    load.close()
    return {
        "requests": args.memory_requests // 5 * 4,
        "resident_mib": resident,
        "growth": resident[-1] / resident[0],
    }


def report(found: Rows) -> None:
    """Prints one line for each comparison."""
    for row in found:
        print(
            f"{row['queries']:2} queries  {row['what']:40} "
            f"{row['median']:8.2f} | {row['against_median']:8.2f} "
            f"{row['measure']:10} {row['how']} {row['value']:6.2f} "
            f"({row['least']:.2f} to {row['largest']:.2f})  {row['target']}",
            flush=True,
        )


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--requests", type=int, default=160, help="of a side in a round"
    )
    parser.add_argument(
        "--queries",
        type=int,
        nargs="*",
        default=[1, 15],
        help="queries a class",
    )
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--memory-requests", type=int, default=10_000)
    parser.add_argument("--name", help="of the results", default="serving")
    return parser.parse_args()


def main() -> None:
    """Measures, compares, and writes results."""
    args = parse()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
    summary: dict[str, Any] = {"machine": machine(), "comparisons": []}
    rows: Rows = []
    with tempfile.TemporaryDirectory() as folder:
        base = export_model(Path(folder))
        summary["start_up"] = start_up(base, args.starts)
        print("start-up", summary["start_up"], flush=True)
        for queries in args.queries:
            rows += measure(base, queries, args, Path(folder))
            found = compare(rows, queries)
            summary["comparisons"] += found
            report(found)
            write(args.name, summary, rows)
        summary["memory"] = memory(base, args, Path(folder))
        print("memory", summary["memory"], flush=True)
    summary["machine"]["load_average_end"] = os.getloadavg()
    write(args.name, summary, rows)


if __name__ == "__main__":
    main()
