"""What a serving benchmark writes: its machine, its rounds, its summary."""

from __future__ import annotations

import csv
import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
Rows = list[dict[str, Any]]


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(line for line in lines if line.startswith("model name"))
    packages = ("metazoo", "tensorflow", "grpcio", "uvicorn", "orjson")
    return {
        "cpu": model.split(":")[1].strip(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
        "load_average": os.getloadavg(),
        "date": time.strftime("%Y-%m-%d"),
    }


def write(name: str, summary: dict[str, Any], rows: Rows) -> None:
    """Writes the rounds as CSV and the summary as JSON."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    with open(folder / f"{name}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    text = json.dumps(summary, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")
