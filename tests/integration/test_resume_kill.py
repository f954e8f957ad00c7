"""Kills training at random points; resumed, it must not show.

`METAZOO_KILLS` sets how often; 3 by default.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import random
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import metazoo
from metazoo.trainers.checkpoint import CheckpointFolder

HERE = Path(__file__).parent
STEPS = 200
KILLS = int(os.environ.get("METAZOO_KILLS", "3"))


@pytest.fixture(scope="module")
def context():
    """Processes that start with TensorFlow imported, but not initialised."""
    sys.path.insert(0, str(HERE))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["metazoo.trainers.run_recipe"])
    yield context
    sys.path.remove(str(HERE))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    images = rng.integers(0, 256, (6, 5, 16, 16), np.uint8)
    np.savez(path, images=images)
    return path


def start(context, data, output):
    spec = importlib.util.find_spec("resume_child")
    assert spec is not None
    import resume_child

    started, ended = context.Event(), context.Event()
    process = context.Process(
        target=resume_child.train,
        args=(str(data), str(output), started, ended),
    )
    process.start()
    assert started.wait(120), "training did not start"
    return process, ended


def finish(process) -> None:
    process.join(120)
    assert process.exitcode == 0


def last_step(output: Path) -> int:
    found = CheckpointFolder(output / "checkpoints").latest()
    return found.step if found else 0


@pytest.mark.slow
def test_killed_training_resumes_bit_identically(context, data, tmp_path):
    begin = time.monotonic()
    process, ended = start(context, data, tmp_path / "whole")
    stepping = time.monotonic()
    assert ended.wait(120)
    duration = time.monotonic() - stepping
    finish(process)

    cut = tmp_path / "cut"
    rng = random.Random(5)
    killed_at = []
    for _ in range(KILLS):
        process, _ = start(context, data, cut)
        # Short enough that all the kills come before the run's end.
        time.sleep(rng.uniform(0, duration / KILLS))
        process.kill()
        process.join()
        killed_at.append((process.exitcode, last_step(cut)))
    finish(start(context, data, cut)[0])
    print(f"killed after {killed_at}, {time.monotonic() - begin:.0f} s")

    assert all(code == -9 for code, _ in killed_at)
    assert 0 < killed_at[-1][1] < STEPS
    whole = CheckpointFolder(tmp_path / "whole" / "checkpoints").latest()
    resumed = CheckpointFolder(cut / "checkpoints").latest()
    assert whole.step == resumed.step == STEPS
    assert whole.arrays.keys() == resumed.arrays.keys()
    for name, value in whole.arrays.items():
        assert value.tobytes() == resumed.arrays[name].tobytes(), name
    models = [
        metazoo.from_preset(str(folder / "preset")).get_weights()
        for folder in (tmp_path / "whole", cut)
    ]
    for one, two in zip(*models, strict=True):
        assert one.tobytes() == two.tobytes()
    left = [p for p in (cut / "checkpoints").iterdir() if p.name[0] == "."]
    assert not left
    assert len((cut / "log.csv").read_text().splitlines()) == 2
