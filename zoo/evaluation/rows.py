"""Which examples an episode is made of, by their number in the data set."""

from __future__ import annotations

import dataclasses

import numpy as np

from metazoo.data import DomainSampler, EpisodeSampler


class RowSampler:
    """Tells the rows of the data set that a sampler's episodes show.

    A draw depends on the number and sizes of the classes, not on pixels, so
    a data set whose examples are their own row numbers is drawn alike.

    Attributes:
        data: the data set of the sampler that was described.
    """

    def __init__(self, sampler: EpisodeSampler | DomainSampler) -> None:
        """Makes the data set of row numbers.

        Args:
            sampler: the sampler to describe.
        """
        data = self.data = sampler.data
        rows = np.arange(data.num_examples, dtype=np.uint32)
        # Two exact halves: float32 holds no large integer exactly.
        halves = np.stack([rows >> 16, rows & 0xFFFF], axis=1)
        numbers = dataclasses.replace(data, images=halves.astype(np.float32))
        self._twin = sampler.with_data(numbers)

    def rows(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of the episodes start to start + count - 1.

        Args:
            start: number of the first episode.
            count: how many.

        Returns:
            int64 [tasks, support] and int64 [tasks, query].
        """
        episode = self._twin.tasks(start, count)
        return _joined(episode.support_x), _joined(episode.query_x)

    def classes(self, start: int, count: int) -> np.ndarray:
        """Class in the data set of each label of some episodes.

        Args:
            start: number of the first episode.
            count: how many.

        Returns:
            int64 [tasks, ways].
        """
        _, rows = self.rows(start, count)
        first = rows[:, :: self._twin.num_queries]
        return self.data.labels[first]


def _joined(halves: object) -> np.ndarray:
    pairs = np.asarray(halves).astype(np.int64)
    return (pairs[..., 0] << 16) | pairs[..., 1]
