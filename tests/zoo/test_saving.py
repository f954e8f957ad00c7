"""A saved learner is loaded by a process that has not made one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import metazoo

PROGRAM = """
import sys
{imports}
learner = {loader}(sys.argv[1])
learner.save_weights(sys.argv[2])
print(type(learner).__name__, learner.compiled)
"""


@pytest.mark.parametrize(
    ("imports", "loader"),
    [
        ("import keras, metazoo", "keras.saving.load_model"),
        ("import metazoo", "metazoo.load_model"),
    ],
)
def test_saved_learner_loads_in_a_fresh_process(tmp_path, imports, loader):
    learner = metazoo.MAML(metazoo.layers.conv4(filters=2), num_ways=2)
    learner.compile(optimizer="sgd")
    learner.save(tmp_path / "learner.keras")
    code = PROGRAM.format(imports=imports, loader=loader)
    paths = [str(tmp_path / "learner.keras"), str(tmp_path / "a.weights.h5")]
    run = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["MAML", "True"]
    kept = [w.copy() for w in learner.get_weights()]
    learner.set_weights([w + 1 for w in kept])
    learner.load_weights(paths[1])
    for before, after in zip(kept, learner.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
