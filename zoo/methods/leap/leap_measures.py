"""What tasks that a learner has not seen cost it: error and curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from metazoo.data import AlphabetSampler
    from metazoo.methods.leap.leap_model import Leap


class Paths(NamedTuple):
    """Paths of held-out tasks.

    Attributes:
        error: share of wrong queries at the end; float [tasks].
        curve: loss of each step's mini-batch; float [tasks, steps].
        length: of weights and loss together; float [tasks].
    """

    error: np.ndarray
    curve: np.ndarray
    length: np.ndarray

    @property
    def area(self) -> np.ndarray:
        """Mean training loss along the path, float [tasks]."""
        return self.curve.mean(-1)


def held_out_paths(
    learner: Leap, source: AlphabetSampler, tasks: int, steps: int, rate: float
) -> Paths:
    """Trains on tasks, and predicts the drawings held out of each.

    Args:
        learner: where each task starts.
        source: of the tasks.
        tasks: how many, the first of the source.
        steps: mini-batch steps of each.
        rate: their size.
    """
    found: list[tuple[Any, ...]] = []
    for number in range(tasks):
        task = source.tasks(number, 1).map(lambda part: part.numpy())
        adapted, report = learner.adapt_steps(
            task.support_x,
            task.support_y,
            steps,
            rate,
            num_ways=source.num_drawn,
        )
        wrong = adapted.predict_classes(task.query_x) != task.query_y
        found.append(
            (wrong.mean(), report["loss_curve"][0], report["path_length"][0])
        )
    error, curve, length = (np.array(part) for part in zip(*found, strict=True))
    return Paths(error, curve, length)
