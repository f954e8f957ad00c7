"""Times metazoo and its peers in one interleaved run.

python benchmarks/run.py --peer-python /path/to/venv/bin/python --rounds 7

`--methods leo bande` takes the rows of some methods alone.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rows import OURS, Peer, Row, rows

HERE = Path(__file__).resolve().parent
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

    def __init__(self, side: Peer, args: argparse.Namespace) -> None:
        python = sys.executable if side.name == OURS else args.peer_python
        settings = {} if side.name == OURS else dict(PEER_SETTINGS)
        if args.tuned_malloc:
            settings |= TUNED_MALLOC
        self.side = side
        script = str(HERE / "side.py")
        self.process = subprocess.Popen(
            [python, script, side.runtime, str(args.threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **settings},
        )

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """Sends a command and waits for its answer."""
        command = {"do": do, "module": self.side.file, **fields}
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.side.name} ended early on {command}")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


def check(names: Sequence[str], args: argparse.Namespace) -> dict[str, Any]:
    """Losses of every side from the same weights and data."""
    losses: dict[str, Any] = {}
    for name in names:
        row = rows()[name]
        found = {}
        for side in row.checked:
            worker = Worker(side, args)
            answer = worker.ask("losses", work=name, steps=row.check_steps)
            found[side.name] = answer["losses"]
            worker.close()
        later = [row.later_tolerance] * (row.check_steps - 1)
        bounds = np.array([row.tolerance, *later])
        reference = np.array(found[OURS])
        for values in found.values():
            apart = np.abs(np.array(values) - reference)
            if not (apart <= bounds * np.abs(reference)).all():
                raise SystemExit(f"{name}: losses differ: {found}")
        print(name, "losses agree:", found, flush=True)
        losses[name] = found
    return losses


def measure(
    row: Row, args: argparse.Namespace
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """One row for each round and side, interleaved; peak memory of sides."""
    workers = [Worker(side, args) for side in row.timed]
    for worker in workers:
        worker.ask("prepare", work=row.name)
    rounds = []
    for number in range(args.rounds):
        for worker in workers:
            timing = worker.ask("run", work=row.name, steps=row.repeats)
            rounds.append(
                {
                    "workload": row.name,
                    "threads": args.threads,
                    "round": number,
                    "side": worker.side.name,
                    "cpu_seconds": timing["cpu"],
                    "wall_seconds": timing["wall"],
                    "load": os.getloadavg()[0],
                }
            )
    peaks = {w.side.name: w.ask("peak")["peak_mib"] for w in workers}
    for worker in workers:
        worker.close()
    return rounds, peaks


def ratios(row: Row, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Median, least and largest paired ratio of metazoo to each peer."""
    result: dict[str, Any] = {}
    for side in row.timed[1:]:
        result[side.name] = {"target": side.target, "clock": row.clock}
        for clock in ("cpu", "wall"):
            ours = _column(rounds, OURS, clock)
            theirs = _column(rounds, side.name, clock)
            paired = ours / theirs
            result[side.name][clock] = {
                "ratio_of_medians": float(np.median(ours) / np.median(theirs)),
                "ratio_of_minima": float(ours.min() / theirs.min()),
                "paired_min": float(paired.min()),
                "paired_max": float(paired.max()),
                "median_seconds": float(np.median(ours)),
                "peer_median_seconds": float(np.median(theirs)),
            }
    return result


def _column(rounds: list[dict[str, Any]], side: str, clock: str) -> np.ndarray:
    found = [r[f"{clock}_seconds"] for r in rounds if r["side"] == side]
    return np.array(found)


def memory(args: argparse.Namespace) -> dict[str, float]:
    """Peak memory, MiB, of metazoo's W1 at 4 and 32 tasks."""
    peaks = {}
    ours = rows()["W1_T4"].timed[0]
    for name in ("W1_T4", "W1_T32"):
        worker = Worker(ours, args)
        worker.ask("prepare", work=name)
        peaks[name] = worker.ask("peak")["peak_mib"]
        worker.close()
    peaks["ratio"] = peaks["W1_T32"] / peaks["W1_T4"]
    return peaks


def machine(names: Sequence[str], args: argparse.Namespace) -> dict[str, Any]:
    """What the numbers of some rows depend on."""
    versions: dict[str, str] = {}
    sides = [side for name in names for side in rows()[name].timed]
    for side in {side.runtime: side for side in sides}.values():
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


def write(name: str, summary: dict[str, Any], rounds: list[Any]) -> None:
    """Writes the rounds as CSV and the summary as JSON."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    if rounds:
        with open(folder / f"{name}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, rounds[0])
            writer.writeheader()
            writer.writerows(rounds)
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
    timed = [name for name, row in rows().items() if row.timed]
    checked = [name for name, row in rows().items() if row.checked]
    methods = sorted({row.method for row in rows().values()})
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, choices=(1, 2), default=2)
    parser.add_argument("--methods", nargs="*", choices=methods, metavar="M")
    parser.add_argument("--workloads", nargs="*", choices=timed, metavar="W")
    parser.add_argument("--checks", nargs="*", choices=checked, metavar="W")
    parser.add_argument("--tuned-malloc", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--name", help="of the results", default="cpu")
    args = parser.parse_args()
    chosen = methods if args.methods is None else args.methods
    own = {name for name, row in rows().items() if row.method in chosen}
    if args.workloads is None:
        args.workloads = [name for name in timed if name in own]
    if args.checks is None:
        args.checks = [name for name in checked if name in own]
    return args


def main() -> None:
    """Checks, measures, and writes results."""
    args = parse()
    summary: dict[str, Any] = {"machine": machine(args.workloads, args)}
    summary |= {"ratios": {}, "peak_mib": {}}
    if args.checks:
        summary["losses"] = check(args.checks, args)
    rounds: list[dict[str, Any]] = []
    for name in args.workloads:
        row = rows()[name]
        part, summary["peak_mib"][name] = measure(row, args)
        rounds += part
        summary["ratios"][name] = ratios(row, part)
        report(name, summary["ratios"][name])
        write(args.name, summary, rounds)
    if not args.no_memory:
        summary["memory"] = memory(args)
        print("peak memory", summary["memory"], flush=True)
    summary["machine"]["load_average_end"] = os.getloadavg()
    write(args.name, summary, rounds)


if __name__ == "__main__":
    main()
