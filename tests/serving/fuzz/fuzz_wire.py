"""Fuzzes a server of its own for a time, and says what it found.

python tests/serving/fuzz/fuzz_wire.py --seconds 600 --seed 0
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "wire")]

from fuzz_targets import LOCAL, REMOTE  # noqa: E402
from fuzz_versions import corrupted_versions  # noqa: E402
from fuzz_wire_calls import FoundError, Victim  # noqa: E402
from wire_models import WireModel, copy_version, write_typed  # noqa: E402
from wire_servers import free_port, wait_open, write_arguments  # noqa: E402

PERIOD = 200


class FuzzedServer:
    """The embedded server in a process of its own."""

    def __init__(self, folder):
        self.root = folder / "models"
        self.typed = folder / "typed"
        write_typed(self.typed)
        copy_version(self.typed, self.root, "typed")
        self.log = folder / "server.log"
        self.rest = ("127.0.0.1", free_port())
        self.address = f"127.0.0.1:{free_port()}"
        models = [WireModel("typed")]
        arguments = write_arguments(folder, self.root, False, models)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE.parent / "wire/fake_model_server.py")]
                + [f"--port={self.address.rpartition(':')[2]}"]
                + [f"--rest_api_port={self.rest[1]}", *arguments],
                stdout=log,
                stderr=log,
            )
        wait_open(self.process, self.rest[1], self.log)

    def memory(self):
        path = Path(f"/proc/{self.process.pid}/status")
        for line in path.read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise FoundError(f"the server ended with {self.process.wait()}")

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().split()
        return (int(fields[13]) + int(fields[14])) / 100

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)


def fuzz(server, seconds, seed, names):
    """Runs the targets in turn; returns counts and findings."""
    counts, findings, memory = Counter(), [], []
    victim = Victim(server.address, server.rest)
    end, turn = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        name = names[turn % len(names)]
        rng = random.Random(f"{seed}/{turn}")
        for _ in range(PERIOD):
            problem, data = one(name, victim, rng)
            counts[name] += 1
            if problem is not None:
                found = {"target": name, "problem": problem, "data": data.hex()}
                findings.append(found)
                print(json.dumps(found)[:1000], flush=True)
        memory.append(server.memory())
        turn += 1
    victim.close()
    return counts, findings, memory


def one(name, victim, rng):
    """Runs one input; returns (problem, input)."""
    make, run = REMOTE.get(name) or LOCAL[name]
    data = make(rng)
    try:
        if name in REMOTE:
            run(victim, data)
        else:
            run(data)
    except FoundError as finding:
        return str(finding)[:500], data
    return None, data


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--versions", type=int, default=50)
    every = [*REMOTE, *LOCAL]
    parser.add_argument("--targets", nargs="*", choices=every, default=every)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = FuzzedServer(Path(folder))
        print("ready", flush=True)
        try:
            counts, findings, memory = fuzz(
                server, options.seconds, options.seed, options.targets
            )
            findings += corrupted_versions(
                server, options.versions, options.seed
            )
            report = {
                "inputs": dict(counts),
                "findings": findings,
                "versions": options.versions,
                "server_cpu_s": server.cpu_seconds(),
                "own_cpu_s": time.process_time(),
                "memory_mb": [memory[0], max(memory), memory[-1]],
            }
        finally:
            status = server.stop()
        report["exit_status"] = status
        report["failed_inside"] = server.log.read_text().count(
            "failed inside the server"
        )
    if options.report:
        options.report.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({**report, "findings": len(findings)}, indent=1))
    return 1 if findings or status else 0


if __name__ == "__main__":
    sys.exit(main())
