"""Leap: weights and tasks, the same for both sides."""

from __future__ import annotations

import numpy as np
from rows import Row
from sides.images import BLOCKS, drawings

BATCH = 20
INNER_LEARNING_RATE = 0.1
OUTER_LEARNING_RATE = 0.1
MOMENTUM = 0.9
EPSILON = 1.001e-5


def weights(row: Row, seed: int = 0) -> list[np.ndarray]:
    """Kernel, bias, gamma and beta of each block, then the head's; float32.

    Returns:
        Kernels [3, 3, in, out], vectors [filters], the head's kernel
        [filters, ways] and bias [ways].
    """
    rng = np.random.default_rng(seed + 1)

    def uniform(fan_in: int, *shape: int) -> np.ndarray:
        return rng.uniform(-1.0, 1.0, shape) / np.sqrt(fan_in)

    found, channels, filters = [], 1, row.filters
    for _ in range(BLOCKS):
        fan_in = 9 * channels
        found += [uniform(fan_in, 3, 3, channels, filters)]
        found += [uniform(fan_in, filters)]
        found += [np.ones(filters), np.zeros(filters)]
        channels = filters
    found += [uniform(filters, filters, row.ways), uniform(filters, row.ways)]
    return [np.float32(weight) for weight in found]


def tasks(row: Row, seed: int = 0) -> dict[str, np.ndarray]:
    """Patterns of classes in noise; see `drawings`.

    In training, support sets are in the random order in which mini-batches
    take them.
    """
    data = drawings(row, seed)
    if row.kind == "train":
        rng = np.random.default_rng(seed + 2)
        order = rng.permutation(row.ways * row.shots)
        for name in ("support_x", "support_y"):
            data[name] = data[name][:, order]
    return data
