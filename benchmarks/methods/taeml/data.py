"""TAEML: weights and images, the same for both sides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rows import Row
from sides.images import BLOCKS

MEMBERS = 4
SIDE = 32
LENGTH = 10.0
UNITS = (128, 64)
INITIAL_TRUST = 2.0
RATE = 3e-4


class Weights(NamedTuple):
    """Weights of a learner, float32.

    Attributes:
        members: Of each learner, kernel [3, 3, in, out], gamma and beta of
            each block.
        moments: Of each learner, moving mean and variance of each block.
        trust: Kernel [in, out] and bias of three layers.
    """

    members: list[list[np.ndarray]]
    moments: list[list[np.ndarray]]
    trust: list[np.ndarray]


def weights(row: Row, seed: int = 0) -> Weights:
    """Random weights."""
    rng = np.random.default_rng(seed + 1)
    members, moments = [], []
    for _ in range(MEMBERS):
        own: list[np.ndarray] = []
        moving: list[np.ndarray] = []
        channels = 3
        for _ in range(BLOCKS):
            size = row.filters
            kernel = rng.normal(size=(3, 3, channels, size))
            own += [kernel * np.sqrt(2.0 / (9 * channels))]
            own += [np.ones(size), np.zeros(size)]
            moving += [rng.normal(0.0, 0.2, size), rng.uniform(0.5, 1.5, size)]
            channels = size
        members.append([np.float32(w) for w in own])
        moments.append([np.float32(w) for w in moving])
    first, second = UNITS
    features = row.filters * (SIDE >> BLOCKS) ** 2
    share = INITIAL_TRUST / 100.0
    trust = []
    for shape in ((features, first), (3 * first, second), (second, 1)):
        trust += [rng.normal(0.0, shape[0] ** -0.5, shape), np.zeros(shape[1])]
    trust[-1] += np.log(share / (1.0 - share))
    return Weights(members, moments, [np.float32(w) for w in trust])


def tasks(row: Row, seed: int = 0) -> dict[str, np.ndarray]:
    """Patterns of classes in noise, [tasks, examples, 32, 32, 3]."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.0, 1.0, (row.tasks, row.ways, 8, 8, 3))
    patterns = coarse.repeat(4, 2).repeat(4, 3)
    found = {}
    for name, count in (("support", row.shots), ("query", row.queries)):
        labels = np.repeat(np.arange(row.ways), count)
        shape = (row.tasks, len(labels), SIDE, SIDE, 3)
        noise = rng.uniform(0.0, 1.0, shape)
        images = 0.3 * patterns[:, labels] + 0.7 * noise
        found[f"{name}_x"] = np.float32(images)
        found[f"{name}_y"] = np.tile(labels, (row.tasks, 1))
    return found
