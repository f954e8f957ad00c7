"""Downstream tasks of a comparison, as embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from metazoo.data import ClassDataset

QUERIES = 5


class Task(NamedTuple):
    """One downstream task: vectors and labels.

    Attributes:
        support_z: float32 [support, size].
        support_y: int64 [support].
        query_z: float32 [queries, size].
        query_y: int64 [queries].
    """

    support_z: np.ndarray
    support_y: np.ndarray
    query_z: np.ndarray
    query_y: np.ndarray


def tasks_of(
    features: ClassDataset, ways: int, shots: int, episodes: int, seed: int
) -> Iterator[Task]:
    """The test tasks that learners are tested on, as vectors.

    Args:
        features: embeddings of a data set, in its order.
        ways: classes of a task.
        shots: support examples of a class.
        episodes: how many.
        seed: of the tasks.

    Yields:
        Tasks whose examples are those of an `EpisodeSampler` of the same
        numbers on the images.
    """
    from metazoo.data import EpisodeSampler

    sampler = EpisodeSampler(
        features,
        num_ways=ways,
        num_shots=shots,
        num_queries=QUERIES,
        seed=seed,
    )
    for episode in sampler.dataset(1, num_batches=episodes):
        yield Task(
            episode.support_x[0].numpy(),
            episode.support_y[0].numpy(),
            episode.query_x[0].numpy(),
            episode.query_y[0].numpy(),
        )
