"""LEO: weights and settings, the same for both sides."""

from __future__ import annotations

import numpy as np
from rows import Row

LATENT = 64
# Steps of each inner loop.
STEPS = 5
OPTIONS = {
    "dropout": 0.5,
    "kl_weight": 1e-3,
    "encoder_penalty": 1e-9,
    "orthogonality": 1e-3,
    "l2": 1e-8,
}
CLIP = 0.1


def weights(row: Row, seed: int = 0) -> list[np.ndarray]:
    """Random weights.

    Returns:
        Encoder [features, 64], three relation layers [128, 128], decoder
        [64, 2 * features], and step sizes of codes and weights; float32.
    """
    rng = np.random.default_rng(seed + 1)
    wide = 2 * LATENT
    shapes = [
        (row.features, LATENT),
        *[(wide, wide)] * 3,
        (LATENT, 2 * row.features),
    ]
    weights = [
        rng.uniform(-1.0, 1.0, shape) * np.sqrt(6.0 / sum(shape))
        for shape in shapes
    ]
    weights += [np.ones(LATENT), np.full(row.features, 1e-3)]
    return [np.asarray(weight, np.float32) for weight in weights]
