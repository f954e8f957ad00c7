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
    """Fresh processes: a fork of one that imported TensorFlow may hang."""
    sys.path.insert(0, str(HERE))
    yield multiprocessing.get_context("spawn")
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

    # Without a lock, which a killed process would hold for ever.
    done = context.RawValue("i", 0)
    process = context.Process(
        target=resume_child.train, args=(str(data), str(output), done)
    )
    process.start()
    return process, done


def wait_for(process, done, step: int) -> None:
    deadline = time.monotonic() + 120
    while done.value < step:
        assert process.is_alive(), "training ended early"
        assert time.monotonic() < deadline, f"step {step} was not reached"
        time.sleep(0.001)


def finish(process) -> None:
    process.join(120)
    assert process.exitcode == 0


def last_step(output: Path) -> int:
    found = CheckpointFolder(output / "checkpoints").latest()
    return found.step if found else 0


@pytest.mark.slow
def test_killed_training_resumes_bit_identically(context, data, tmp_path):
    begin = time.monotonic()
    finish(start(context, data, tmp_path / "whole")[0])

    cut = tmp_path / "cut"
    rng = random.Random(5)
    killed_at = []
    # Far enough from the end that no run gets there before it is killed.
    for step in sorted(rng.sample(range(1, STEPS - 60), KILLS)):
        process, done = start(context, data, cut)
        wait_for(process, done, step)
        time.sleep(rng.uniform(0, 0.02))
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
