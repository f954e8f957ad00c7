"""Version folders with spoilt files: the server must outlive them."""

from __future__ import annotations

import json
import random
import shutil
import time
import urllib.request

from fuzz_inputs import mutated_bytes
from wire_models import copy_version

FILES = (
    "saved_model.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
    "fingerprint.pb",
)
WARMUP = "assets.extra/tf_serving_warmup_requests"
TIMEOUT = 60.0


def corrupted_versions(server, number, seed):
    """Publishes spoilt versions one by one.

    Returns:
        The findings, of the form of the other targets.
    """
    findings = []
    for index in range(number):
        rng = random.Random(f"{seed}/version/{index}")
        version = 100 + index
        spoilt, what = spoil(server, rng)
        copy_version(spoilt, server.root, "typed", version)
        shutil.rmtree(spoilt)
        state = wait_for_end(server, version)
        shutil.rmtree(server.root / "typed" / str(version))
        if state not in ("END", "AVAILABLE"):
            problem = f"{what}: {state}"
            findings.append(
                {"target": "version", "problem": problem, "data": ""}
            )
            print(json.dumps(findings[-1]), flush=True)
            if server.process.poll() is not None:
                break
    return findings


def spoil(server, rng):
    """Copies the good version and spoils one of its files."""
    folder = server.typed.with_name("spoilt")
    shutil.copytree(server.typed, folder)
    files = [*FILES, WARMUP]
    name = rng.choice([f for f in files if (folder / f).exists()] + [WARMUP])
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    old = path.read_bytes() if path.exists() else b""
    new = mutated_bytes(rng, old or rng.randbytes(40))
    path.write_bytes(new)
    return folder, name


def wait_for_end(server, version):
    """Waits until a version was loaded or given up."""
    url = f"http://127.0.0.1:{server.rest[1]}/v1/models/typed"
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if server.process.poll() is not None:
            return f"the server ended with {server.process.returncode}"
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            found = json.load(answer)["model_version_status"]
        states = {entry["version"]: entry["state"] for entry in found}
        if states.get(str(version)) in ("END", "AVAILABLE"):
            return states[str(version)]
        time.sleep(0.05)
    return "neither loaded nor given up"
