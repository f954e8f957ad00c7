"""F1 of multi-label predictions, episode by episode."""

from __future__ import annotations

from typing import Any

import numpy as np

from metazoo.errors import MetazooError


def f1_scores(targets: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    """Micro and macro F1 of each episode.

    Micro counts all labels together; macro is the mean over the labels of
    the episode. Where nothing is true and nothing predicted, F1 is 0.

    Args:
        targets: booleans or 0/1 [episodes, query, ways].
        predicted: booleans or 0/1 of the same shape.

    Returns:
        float64 [episodes] twice: micro and macro.

    Raises:
        MetazooError: the shapes differ or are of another rank.
    """
    true, said = np.asarray(targets, bool), np.asarray(predicted, bool)
    if true.shape != said.shape or true.ndim != 3:
        raise MetazooError(
            f"targets {true.shape} and predicted {said.shape} must both be "
            "[episodes, query, ways]."
        )
    both = (true & said).sum(1)
    each = true.sum(1) + said.sum(1)
    return _ratio(both.sum(1), each.sum(1)), _ratio(both, each).mean(1)


def _ratio(both: np.ndarray, each: np.ndarray) -> np.ndarray:
    return np.divide(2.0 * both, each, out=np.zeros(both.shape), where=each > 0)
