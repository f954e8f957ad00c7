"""Every query that an evaluation predicted, for plots and statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from metazoo.metrics.episodes import episode_accuracy


@dataclasses.dataclass(frozen=True)
class QueryRecords:
    """Predictions of all queries of some episodes.

    Attributes:
        query_y: int64 [episodes, query], true labels within the episode.
        classes: int64 [episodes, query], predicted labels.
        confidence: float32 [episodes, query], probability of the prediction.
        loss: float32 [episodes], mean cross entropy of the queries.
    """

    query_y: np.ndarray
    classes: np.ndarray
    confidence: np.ndarray
    loss: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """Whether each prediction is right, bool [episodes, query]."""
        return self.query_y == self.classes

    @property
    def accuracy(self) -> np.ndarray:
        """Share of right predictions in each episode, float64 [episodes]."""
        return episode_accuracy(self.query_y, self.classes)

    @classmethod
    def from_batches(
        cls, batches: Sequence[Mapping[str, np.ndarray]], episodes: int
    ) -> QueryRecords:
        """Joins batches and drops what was drawn beyond the last episode.

        Args:
            batches: dicts from field name to array, tasks axis first.
            episodes: how many to keep.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(
            *(
                np.concatenate([batch[name] for batch in batches])[:episodes]
                for name in names
            )
        )

    @classmethod
    def joined(cls, parts: Sequence[QueryRecords]) -> QueryRecords:
        """Joins the records of several seeds along the episodes axis.

        Args:
            parts: records with equally many queries an episode.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(
            *(
                np.concatenate([getattr(p, name) for p in parts])
                for name in names
            )
        )
