"""CAML: weights of its parts, the same for both sides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rows import Row
from sides.images import BLOCKS

METRIC_FILTERS = 64
INNER_LEARNING_RATE = 0.1
CLIP_ELEMENTS = 10.0


class Weights(NamedTuple):
    """Weights of a learner, float32.

    Attributes:
        backbone: Kernel [3, 3, in, out], gamma and beta of each block.
        metric: The same of the metric network.
        moments: Moving mean and variance of each block of that.
        modulation: U [size, size] and V [size, 2 * filters] of each block.
    """

    backbone: list[np.ndarray]
    metric: list[np.ndarray]
    moments: list[np.ndarray]
    modulation: list[np.ndarray]


def weights(row: Row, seed: int = 0) -> Weights:
    """Random weights; those of the modulation are not zero."""
    rng = np.random.default_rng(seed + 1)

    def blocks(filters: int) -> list[np.ndarray]:
        found, channels = [], 1
        for _ in range(BLOCKS):
            kernel = rng.normal(size=(3, 3, channels, filters))
            found += [kernel * np.sqrt(2.0 / (9 * channels))]
            found += [np.ones(filters), np.zeros(filters)]
            channels = filters
        return found

    moments, modulation = [], []
    for _ in range(BLOCKS):
        size = METRIC_FILTERS
        moments += [rng.normal(0.0, 0.2, size), rng.uniform(0.5, 1.5, size)]
        modulation += [
            rng.normal(0.0, size**-0.5, (size, size)),
            rng.normal(0.0, 0.02, (size, 2 * row.filters)),
        ]
    parts = (blocks(row.filters), blocks(METRIC_FILTERS), moments, modulation)
    return Weights(*([np.float32(w) for w in part] for part in parts))
