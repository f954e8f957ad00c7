"""Holds a server under good and malformed requests while its models change.

python benchmarks/soak.py --requests 100000 --clients 16 --seed 0

Every good answer is compared with the learner's own, every malformed request
must get its exact status and a message that names the tensor. Versions are
published, rolled back and left half-written meanwhile; then the server is
killed with `kill -9` and started again, and drained with SIGTERM and started
again. At the end, memory, threads and open files must have stayed flat, no
worker may be stuck and the log must hold no error.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--requests", type=int, default=100_000)
    add("--clients", type=int, default=16)
    add("--processes", type=int, default=2, help="that the clients run in")
    add("--seed", type=int, default=0)
    add("--churn", type=float, default=1.0, help="seconds between changes")
    add(
        "--restarts",
        nargs="*",
        choices=("SIGKILL", "SIGTERM"),
        default=["SIGKILL", "SIGTERM"],
        help="signals that end the server before it is started again",
    )
    add("--report", type=Path, default=None, help="JSON file to write")
    add("--folder", type=Path, help="where models and log are kept")
    add(
        "--server",
        metavar="HOST:PORT,REST_PORT",
        help="a server that runs already; it must watch --folder/models",
    )
    return parser.parse_args(given)


def main() -> int:
    """Runs the soak; returns 0 if nothing was wrong."""
    options = arguments()
    from soaking.run import run_soak

    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch)).absolute()
        report = run_soak(options, folder)
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=1) + "\n")
    shown = {k: v for k, v in report.items() if k != "samples"}
    print(json.dumps(shown, indent=1))
    return 1 if report["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
