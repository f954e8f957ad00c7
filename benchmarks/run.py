"""Times metazoo and its peers in one interleaved run.

python benchmarks/run.py --peer-python /path/to/venv/bin/python --rounds 7
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from method_rows import METHOD_ROWS, MethodRow
from workloads import WORKLOADS, Workload

HERE = Path(__file__).resolve().parent
SCRIPTS = {
    "metazoo": "metazoo_side.py",
    "learn2learn": "torch_side.py",
    "torch_func": "torch_side.py",
    "torch_func_vmap": "torch_side.py",
    "easyfsl": "torch_side.py",
    "jax": "jax_side.py",
    "torch_leo": "torch_leo_side.py",
    "torch_bande": "torch_bande_side.py",
} | {
    f"torch_{row.method}": f"torch_{row.method}_side.py"
    for row in METHOD_ROWS.values()
}
SIDES = {
    "W1_T4": ("metazoo", "learn2learn", "torch_func", "torch_func_vmap"),
    "W1_T16": ("metazoo", "learn2learn", "torch_func"),
    "W3": ("metazoo", "easyfsl"),
    "W4": ("metazoo", "learn2learn", "jax"),
    "LEO_1": ("metazoo", "torch_leo"),
    "LEO_5": ("metazoo", "torch_leo"),
    "LEO_adapt": ("metazoo", "torch_leo"),
    "BANDE_alphabets": ("metazoo", "torch_bande"),
    "BANDE_semi": ("metazoo", "torch_bande"),
    "BANDE_adapt": ("metazoo", "torch_bande"),
} | {
    name: ("metazoo", *dict(row.targets))
    for name, row in METHOD_ROWS.items()
    if row.timed
}
CHECKS = {
    "W1_check": (
        "metazoo",
        "learn2learn",
        "torch_func",
        "torch_func_vmap",
        "jax",
    ),
    "W3": ("metazoo", "jax"),
    "W4": ("metazoo", "learn2learn", "jax"),
    "LEO_check": ("metazoo", "torch_leo"),
    "LEO_adapt": ("metazoo", "torch_leo"),
    "BANDE_alphabets": ("metazoo", "torch_bande"),
    "BANDE_semi": ("metazoo", "torch_bande"),
    "BANDE_adapt": ("metazoo", "torch_bande"),
} | {
    name: ("metazoo", *dict(row.targets))
    for name, row in METHOD_ROWS.items()
    if row.checked
}
ROWS = {**WORKLOADS, **METHOD_ROWS}
# Five inner steps amplify the order of float32 sums to some 2e-4.
CHECK_TOLERANCE = 1e-3
# Without it, idle threads of PyTorch burn CPU time while they wait, most of
# all on a busy machine; it makes the peers' CPU time smaller.
PEER_SETTINGS = {"OMP_WAIT_POLICY": "PASSIVE"}
# Keeps freed memory instead of giving it back and faulting it in again.
TUNED_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
}


class Worker:
    """A fresh process of one side; answers one command at a time."""

    def __init__(self, side: str, args: argparse.Namespace) -> None:
        python = sys.executable if side == "metazoo" else args.peer_python
        settings = {} if side == "metazoo" else dict(PEER_SETTINGS)
        if args.tuned_malloc:
            settings |= TUNED_MALLOC
        self.side = side
        self.process = subprocess.Popen(
            [python, str(HERE / SCRIPTS[side]), str(args.threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **settings},
        )

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """Sends a command and waits for its answer."""
        command = {"do": do, "side": self.side, **fields}
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.side} ended early on {command}")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


def check(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Losses of every side from the same weights and data."""
    losses: dict[str, dict[str, Any]] = {}
    for work in args.checks:
        row = ROWS[work]
        steps = row.check_steps if isinstance(row, MethodRow) else 1
        found = {}
        for side in CHECKS[work]:
            worker = Worker(side, args)
            answer = worker.ask("losses", work=work, steps=steps)
            found[side] = answer["losses"]
            worker.close()
        first, later = _tolerances(row)
        bounds = np.array([first] + [later] * (steps - 1))
        reference = np.array(found["metazoo"])
        for values in found.values():
            apart = np.abs(np.array(values) - reference)
            if not (apart <= bounds * np.abs(reference)).all():
                raise SystemExit(f"{work}: losses differ: {found}")
        print(work, "losses agree:", found, flush=True)
        losses[work] = found
    return losses


def _tolerances(work: Workload) -> tuple[float, float]:
    """Of the first loss, and of those after it."""
    if isinstance(work, MethodRow):
        return work.tolerance, work.later_tolerance
    return CHECK_TOLERANCE, CHECK_TOLERANCE


def measure(
    work: Workload, args: argparse.Namespace
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """One row for each round and side, interleaved; peak memory of sides."""
    workers = [Worker(side, args) for side in SIDES[work.name]]
    for worker in workers:
        worker.ask("prepare", work=work.name)
    rows = []
    for number in range(args.rounds):
        for worker in workers:
            timing = worker.ask("run", work=work.name, steps=_steps(work))
            rows.append(
                {
                    "workload": work.name,
                    "threads": args.threads,
                    "round": number,
                    "side": worker.side,
                    "cpu_seconds": timing["cpu"],
                    "wall_seconds": timing["wall"],
                    "load": os.getloadavg()[0],
                }
            )
    peaks = {w.side: w.ask("peak")["peak_mib"] for w in workers}
    for worker in workers:
        worker.close()
    return rows, peaks


def _steps(work: Workload) -> int:
    if isinstance(work, MethodRow):
        return work.repeats
    many = {"W1_T16": 1, "W4": 10, "LEO_1": 20, "LEO_5": 10, "LEO_adapt": 20}
    many |= {"BANDE_alphabets": 5, "BANDE_semi": 5, "BANDE_adapt": 20}
    return many.get(work.name, 2)


def ratios(work: Workload, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Median, least and largest paired ratio of metazoo to each peer."""
    target = dict(work.targets)
    result: dict[str, Any] = {}
    for side in SIDES[work.name][1:]:
        result[side] = {"target": target.get(side), "clock": work.clock}
        for clock in ("cpu", "wall"):
            ours = _column(rows, "metazoo", clock)
            theirs = _column(rows, side, clock)
            paired = ours / theirs
            result[side][clock] = {
                "ratio_of_medians": float(np.median(ours) / np.median(theirs)),
                "ratio_of_minima": float(ours.min() / theirs.min()),
                "paired_min": float(paired.min()),
                "paired_max": float(paired.max()),
                "median_seconds": float(np.median(ours)),
                "peer_median_seconds": float(np.median(theirs)),
            }
    return result


def _column(rows: list[dict[str, Any]], side: str, clock: str) -> np.ndarray:
    return np.array([r[f"{clock}_seconds"] for r in rows if r["side"] == side])


def memory(args: argparse.Namespace) -> dict[str, float]:
    """Peak memory, MiB, of metazoo's W1 at 4 and 32 tasks."""
    peaks = {}
    for name in ("W1_T4", "W1_T32"):
        worker = Worker("metazoo", args)
        worker.ask("prepare", work=name)
        peaks[name] = worker.ask("peak")["peak_mib"]
        worker.close()
    peaks["ratio"] = peaks["W1_T32"] / peaks["W1_T4"]
    return peaks


def machine(args: argparse.Namespace) -> dict[str, Any]:
    """What the numbers depend on."""
    versions: dict[str, str] = {}
    for side in ("metazoo", "learn2learn", "jax"):
        worker = Worker(side, args)
        versions |= worker.ask("versions")
        worker.close()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(line for line in lines if line.startswith("model name"))
    return {
        "cpu": model.split(":")[1].strip(),
        "cores": os.cpu_count(),
        "threads": args.threads,
        "tuned_malloc": args.tuned_malloc,
        "peer_settings": PEER_SETTINGS,
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
        "load_average": os.getloadavg(),
        "date": time.strftime("%Y-%m-%d"),
    }


def write(name: str, summary: dict[str, Any], rows: list[Any]) -> None:
    """Writes the rounds as CSV and the summary as JSON."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    if rows:
        with open(folder / f"{name}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    text = json.dumps(summary, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")


def report(name: str, result: dict[str, Any]) -> None:
    """Prints one line for each peer."""
    for side, entry in result.items():
        best = entry[entry["clock"]]
        print(
            f"{name:7} {entry['clock']:4} metazoo / {side:15} "
            f"{best['ratio_of_medians']:.2f} "
            f"({best['paired_min']:.2f}-{best['paired_max']:.2f})  "
            f"target {entry['target']}",
            flush=True,
        )


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, choices=(1, 2), default=2)
    parser.add_argument("--workloads", nargs="*", default=list(SIDES))
    parser.add_argument("--checks", nargs="*", default=list(CHECKS))
    parser.add_argument("--tuned-malloc", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--name", help="of the results", default="cpu")
    return parser.parse_args()


def main() -> None:
    """Checks, measures, and writes results."""
    args = parse()
    summary: dict[str, Any] = {"machine": machine(args)}
    summary |= {"ratios": {}, "peak_mib": {}}
    if args.checks:
        summary["losses"] = check(args)
    rows: list[dict[str, Any]] = []
    for name in args.workloads:
        part, summary["peak_mib"][name] = measure(ROWS[name], args)
        rows += part
        summary["ratios"][name] = ratios(ROWS[name], part)
        report(name, summary["ratios"][name])
        write(args.name, summary, rows)
    if not args.no_memory:
        summary["memory"] = memory(args)
        print("peak memory", summary["memory"], flush=True)
    summary["machine"]["load_average_end"] = os.getloadavg()
    write(args.name, summary, rows)


if __name__ == "__main__":
    main()
