"""Runs all learners' stored forms in one fresh Python process.

Starting Python and TensorFlow takes seconds, so one process serves all
methods; a method that fails there leaves its traceback in its own folder.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_LOOP = """
import pathlib, sys, traceback
import numpy as np
{imports}

def run(folder, task):
{body}

for folder in pathlib.Path(sys.argv[1]).iterdir():
    with np.load(folder / "task.npz") as file:
        task = {{name: file[name] for name in file.files}}
    try:
        np.savez(folder / "found.npz", **run(folder, task))
    except Exception:
        (folder / "error.txt").write_text(traceback.format_exc())
"""

LOAD_PRESET = _LOOP.format(
    imports="import metazoo",
    body="""
    learner = metazoo.from_preset(str(folder / "preset"))
    adapted = learner.adapt(task["support_x"], task["support_y"])
    return {"probabilities": adapted.predict(task["query_x"])}
""",
)

# The export must not need the library.
RUN_EXPORT = _LOOP.format(
    imports="import tensorflow as tf\nsys.modules['metazoo'] = None",
    body="""
    model = tf.saved_model.load(str(folder / "model" / "1"))
    task = {name: tf.constant(value) for name, value in task.items()}
    support = {name: task[name] for name in ("support_x", "support_y")}
    query_x = task["query_x"]
    one = model.signatures["adapt_predict"](query_x=query_x, **support)
    state = model.signatures["adapt"](**support)
    two = model.signatures["predict"](query_x=query_x, **state)
    return {"one": one["probabilities"], "two": two["probabilities"]}
""",
)


def run(code: str, root: Path) -> None:
    """Runs one of the two programs on every folder in `root`.

    Args:
        code: `LOAD_PRESET` or `RUN_EXPORT`.
        root: holds one folder per method with its `task.npz`; each gets a
            `found.npz` or an `error.txt`.
    """
    subprocess.run([sys.executable, "-c", code, str(root)], check=True)


def check(folder: Path) -> Path:
    """The arrays that a method's run left; fails with its traceback.

    Args:
        folder: the method's folder.
    """
    error = folder / "error.txt"
    assert not error.exists(), error.read_text()
    return folder / "found.npz"
