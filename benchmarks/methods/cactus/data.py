"""CACTUs-MAML: weights and settings, the same for both sides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rows import Row
from sides.images import BLOCKS

# Columns of the head: the most classes of a task.
COLUMNS = 20
INNER_LEARNING_RATE = 0.05


class Weights(NamedTuple):
    """Weights of a learner, float32.

    Attributes:
        kernels: [3, 3, in, out] of each block.
        offsets: Beta [filters] of each block; tasks don't adapt it.
        head: Kernel [filters, columns] and bias [columns].
    """

    kernels: list[np.ndarray]
    offsets: list[np.ndarray]
    head: list[np.ndarray]


def weights(row: Row, seed: int = 0) -> Weights:
    """Random weights."""
    rng = np.random.default_rng(seed + 1)
    kernels, offsets, channels = [], [], 1
    for _ in range(BLOCKS):
        kernel = rng.normal(size=(3, 3, channels, row.filters))
        kernels.append(np.float32(kernel * np.sqrt(2.0 / (9 * channels))))
        offsets.append(np.float32(rng.normal(0.0, 0.1, row.filters)))
        channels = row.filters
    head = rng.normal(0.0, 0.3, (row.filters, COLUMNS))
    return Weights(
        kernels, offsets, [np.float32(head), np.zeros(COLUMNS, np.float32)]
    )
