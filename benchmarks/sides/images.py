"""Images, labels and weights of Conv4: the same for every side.

Needs NumPy alone, so that each side can import it in its own environment.
"""

from __future__ import annotations

import numpy as np
from rows import Row

BLOCKS = 4
SIZE = 28
OUTER_LEARNING_RATE = 1e-3
BN_EPSILON = 1e-3


def episode(row: Row, seed: int = 0) -> dict[str, np.ndarray]:
    """Random images in 0..1 and class-ordered labels, tasks first.

    Returns:
        `support_x`, `query_x` float32 [tasks, examples, 28, 28, 1] (or
        [tasks, examples, features]) and
        `support_y`, `query_y` int64 [tasks, examples].
    """
    rng = np.random.default_rng(seed)

    def part(per_class: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.repeat(np.arange(row.ways), per_class)
        example = (row.features,) if row.features else (SIZE, SIZE, 1)
        shape = (row.tasks, len(labels), *example)
        images = rng.uniform(0.0, 1.0, shape).astype(np.float32)
        return images, np.tile(labels, (row.tasks, 1))

    support_x, support_y = part(row.shots)
    query_x, query_y = part(row.queries)
    return {
        "support_x": support_x,
        "support_y": support_y,
        "query_x": query_x,
        "query_y": query_y,
    }


def drawings(row: Row, seed: int = 0) -> dict[str, np.ndarray]:
    """Images whose sub-classes look apart, so that they open clusters.

    Each sub-class is a coarse random pattern; noise is added to it.

    Returns:
        As `episode`, examples of a class one after the other; and
        `unlabeled_x` float32 [tasks, unlabelled, 28, 28, 1], in random
        order, where the row has it.
    """
    rng = np.random.default_rng(seed)
    kinds = row.ways * row.subclasses
    coarse = rng.uniform(0.0, 1.0, (row.tasks, 2 * kinds, 7, 7))
    patterns = np.kron(coarse, np.ones((4, 4)))[..., None]

    def drawn(which: np.ndarray) -> np.ndarray:
        noise = rng.uniform(0.0, 1.0, (row.tasks, len(which), SIZE, SIZE, 1))
        return (0.7 * patterns[:, which] + 0.3 * noise).astype(np.float32)

    found = {}
    for name, count in (("support", row.shots), ("query", row.queries)):
        which = np.repeat(np.arange(kinds), count)
        found[f"{name}_x"] = drawn(which)
        labels = which // row.subclasses
        found[f"{name}_y"] = np.tile(labels, (row.tasks, 1))
    if row.unlabelled:
        which = rng.permutation(row.unlabelled) % (2 * kinds)
        found["unlabeled_x"] = drawn(which)
    return found


def conv4_weights(
    row: Row, head: bool = False, seed: int = 0
) -> list[np.ndarray]:
    """Weights of Conv4: kernel, gamma, beta a block, then the head.

    Returns:
        Kernels [3, 3, in, out], vectors [filters]; with a head its kernel
        [filters, ways] and bias [ways]; float32.
    """
    rng = np.random.default_rng(seed + 1)
    weights: list[np.ndarray] = []
    channels = 1
    for _ in range(BLOCKS):
        scale = np.sqrt(2.0 / (9 * channels))
        kernel = rng.normal(0.0, scale, (3, 3, channels, row.filters))
        weights += [kernel, np.ones(row.filters), np.zeros(row.filters)]
        channels = row.filters
    if head:
        weights.append(rng.normal(0.0, 0.1, (row.filters, row.ways)))
        weights.append(np.zeros(row.ways))
    return [np.asarray(weight, np.float32) for weight in weights]
