"""Accuracy against the number of shots and of ways."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from metazoo.data import ClassDataset
from metazoo.evaluation.evaluator import evaluate

if TYPE_CHECKING:
    from metazoo.contracts.episodic import EpisodicLearner


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """Accuracy in one setting; accuracy and interval are fractions.

    Attributes:
        ways: classes an episode.
        shots: support examples a class.
        accuracy: mean over episodes.
        ci95: half width of its 95 % interval.
    """

    ways: int
    shots: int
    accuracy: float
    ci95: float

    def to_dict(self) -> dict[str, Any]:
        """The point as JSON can hold it."""
        return dataclasses.asdict(self)


def accuracy_curve(
    learner: EpisodicLearner,
    dataset: ClassDataset,
    *,
    ways: Sequence[int] = (5,),
    shots: Sequence[int] = (1, 2, 3, 5),
    num_queries: int = 10,
    episodes: int = 200,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[CurvePoint]:
    """Evaluates every pair of ways and shots.

    Args:
        learner: an episodic learner; it is not changed.
        dataset: classes to draw from.
        ways: numbers of classes.
        shots: numbers of support examples a class.
        num_queries: query examples a class, the same in every setting.
        episodes: episodes of each setting.
        seed: seed of the episodes.
        progress: called with the settings done and their number.

    Returns:
        One point for each pair, in order of ways, then shots.

    Raises:
        EpisodeError: a setting does not fit the data or the learner.
    """
    settings = [(way, shot) for way in sorted(ways) for shot in sorted(shots)]
    points = []
    for way, shot in settings:
        result = evaluate(
            learner,
            dataset,
            num_ways=way,
            num_shots=shot,
            num_queries=num_queries,
            episodes=episodes,
            seed=seed,
        )
        points.append(CurvePoint(way, shot, result.accuracy, result.ci95))
        if progress is not None:
            progress(len(points), len(settings))
    return points
