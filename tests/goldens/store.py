"""Stores the golden outputs of a method: python tests/goldens/store.py NAME.

Run it once, when a method is added; later releases must still load the
stored preset and give these outputs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "contract"))
from subjects import data_of, episode, sampler, tiny_learner


def main(method: str) -> None:
    """Trains a tiny learner for a few steps and stores what it says."""
    directory = Path(__file__).parent / method
    learner = tiny_learner(method)
    learner.fit(
        sampler(method).keras_dataset(2, steps=10), shuffle=False, verbose=0
    )
    learner.save_to_preset(directory / "preset", dataset=data_of(method).name)
    task = episode(method, 1)
    adapted = learner.adapt(task.support_x, task.support_y)
    np.savez_compressed(
        directory / "outputs.npz",
        support_x=task.support_x,
        support_y=task.support_y,
        query_x=task.query_x,
        probabilities=adapted.predict(task.query_x),
    )


if __name__ == "__main__":
    main(sys.argv[1])
