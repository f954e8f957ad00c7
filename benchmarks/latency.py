"""Times adapt and predict of every few-shot method, served and not.

python benchmarks/latency.py --data-dir DATA
"""

from __future__ import annotations

import argparse
import json
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
from latency_subjects import Subject, inputs_of, names, subject, task
from recording import HERE, Rows, machine, write
from serving_sides import (
    Load,
    Server,
    grpc_body,
    json_body,
    store_bodies,
)

from metazoo.serving import export
from metazoo.serving.session import SavedModelSession

WARM_UP = 2
LEAST = 10
Run = Callable[[int], list[float]]


def measure(one: Subject, args: argparse.Namespace, folder: Path) -> Rows:
    """Rows of one method: every verb, in process, over gRPC and REST."""
    base = folder / one.method
    # The export's own tests are not what is timed here.
    export(one.learner, base, variants=(), checks=("session",))
    session = SavedModelSession(next(base.glob("[0-9]*")))
    inputs = _inputs(one, session, args.queries)
    load = Load(_bodies(one.method, inputs, folder), one.method)
    server = Server(base)
    rows = []
    for verb, values in inputs.items():
        sides = _sides(verb, values, session, server, load)
        for side, latencies in _in_turns(sides, args).items():
            rows.append({**_about(one, verb, side), **_summary(latencies)})
            report(rows[-1])
    for part in (load, server, session):
        part.close()
    return rows


def _inputs(
    one: Subject, session: SavedModelSession, queries: int
) -> dict[str, dict[str, np.ndarray]]:
    """Inputs of every verb; the state is what the export made of the task."""
    known = task(one.learner, queries)
    support = {name: known[name] for name in ("support_x", "support_y")}
    state = session.run("adapt", support)
    inputs = inputs_of(session.signatures, known, state)
    for verb in ("predict", "adapt_predict"):
        answer = session.run(verb, inputs[verb])["probabilities"]
        if not np.isfinite(answer).all():
            raise SystemExit(f"{one.method} answers {verb} with NaN")
    return inputs


def _bodies(
    model: str, inputs: dict[str, dict[str, np.ndarray]], folder: Path
) -> dict[str, Path]:
    bodies = {}
    for verb, values in inputs.items():
        bodies[f"grpc_{verb}"] = grpc_body(model, verb, values)
        bodies[f"rest_{verb}"] = json_body(verb, values)
    return store_bodies(bodies, folder)


def _sides(
    verb: str,
    values: dict[str, np.ndarray],
    session: SavedModelSession,
    server: Server,
    load: Load,
) -> dict[str, Run]:
    """What is compared: each takes a number of requests, one at a time."""

    def bare(requests: int) -> list[float]:
        latencies = []
        for _ in range(requests):
            started = time.perf_counter()
            session.run(verb, values)
            latencies.append(time.perf_counter() - started)
        return latencies

    def served(transport: str) -> Run:
        form = f"{transport}_{verb}"
        return lambda requests: load.run(server, form, 1, requests)["latencies"]

    return {"in process": bare, "grpc": served("grpc"), "rest": served("rest")}


def _in_turns(
    sides: dict[str, Run], args: argparse.Namespace
) -> dict[str, list[float]]:
    """Latencies in seconds, the sides taking turns."""
    # Requests a turn; a slow method gets fewer than were asked for.
    shares = {}
    for side, run in sides.items():
        expected = float(np.median(run(WARM_UP)))
        number = min(args.requests, max(LEAST, int(args.seconds / expected)))
        shares[side] = -(-number // args.rounds)
    found: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(args.rounds):
        for side, run in sides.items():
            found[side] += run(shares[side])
    return found


def _about(one: Subject, verb: str, side: str) -> dict[str, Any]:
    return {
        "method": one.method,
        "model": one.origin,
        "trained": one.trained,
        "example": one.example,
        "verb": verb,
        "side": side,
    }


def _summary(latencies: list[float]) -> dict[str, Any]:
    milliseconds = 1e3 * np.array(latencies)
    return {
        "requests": len(milliseconds),
        "p50_ms": float(np.percentile(milliseconds, 50)),
        "p99_ms": float(np.percentile(milliseconds, 99)),
        "mean_ms": float(milliseconds.mean()),
        "load": os.getloadavg()[0],
    }


def kept(name: str, measured: list[str]) -> Rows:
    """Rows of methods that are not measured now, of an earlier run."""
    path = HERE / "results" / f"{name}.json"
    if not path.exists():
        return []
    return [
        row
        for row in json.loads(path.read_text())["rows"]
        if row["method"] not in measured and row["method"] in names()
    ]


def report(row: dict[str, Any]) -> None:
    """Prints one line."""
    print(
        f"{row['method']:12} {row['verb']:14} {row['side']:11} "
        f"p50 {row['p50_ms']:8.2f} ms  p99 {row['p99_ms']:8.2f} ms  "
        f"{row['requests']} requests",
        flush=True,
    )


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=names(),
        help="the rows of others stay as they were",
    )
    parser.add_argument(
        "--data-dir", help="data sets, for methods without a preset"
    )
    parser.add_argument(
        "--queries", type=int, default=1, help="queries a class"
    )
    parser.add_argument(
        "--requests", type=int, default=300, help="of each verb and side"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=4.0,
        help=f"about the longest for those; {LEAST} requests at least",
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of a side")
    parser.add_argument("--name", help="of the results", default="latency")
    return parser.parse_args()


def main() -> None:
    """Measures every method and writes results."""
    args = parse()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
    begun = time.perf_counter()
    summary: dict[str, Any] = {
        "machine": machine(),
        "queries": args.queries,
        "clients": 1,
    }
    rows = kept(args.name, args.methods or names())
    for name in args.methods or names():
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(subject(name, args.data_dir), args, Path(folder))
        rows.sort(key=lambda row: row["method"])
        summary["rows"] = rows
        summary["machine"]["load_average_end"] = os.getloadavg()
        summary["seconds"] = time.perf_counter() - begun
        write(args.name, summary, rows)


if __name__ == "__main__":
    main()
