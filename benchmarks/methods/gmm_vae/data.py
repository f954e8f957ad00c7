"""GMM-VAE: weights, images and draws, the same for both sides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rows import Row
from sides.images import BLOCKS, SIZE, episode

# The classes of Omniglot's background set, less two of twenty drawings.
CLASSES = 964
EXAMPLES = 18 * CLASSES
BATCH = 128
LATENT = 64
WIDTH = 512
MAPS = WIDTH // 16
VARIANCE = 0.1
ALPHA = 10.0
CENTRE_RATE = 10.0


class Weights(NamedTuple):
    """Weights of a model, float32.

    Attributes:
        encoder: Kernel [3, 3, in, out], gamma and beta of each block, then
            kernel [filters, 2 * latent] and bias of the posterior.
        decoder: Kernel and bias of two dense layers and of two transposed
            convolutions, [4, 4, out, in].
        centres: Means and log deviations [classes, latent].
    """

    encoder: list[np.ndarray]
    decoder: list[np.ndarray]
    centres: list[np.ndarray]


def weights(row: Row, seed: int = 0) -> Weights:
    """Random weights."""
    rng = np.random.default_rng(seed + 1)

    def layer(fan_in: int, *shape: int) -> np.ndarray:
        return rng.normal(0.0, np.sqrt(1.0 / fan_in), shape)

    def bias(size: int) -> np.ndarray:
        return rng.normal(0.0, 0.1, size)

    encoder, channels, filters = [], 1, row.filters
    for _ in range(BLOCKS):
        encoder += [layer(9 * channels, 3, 3, channels, filters)]
        encoder += [np.ones(filters), np.zeros(filters)]
        channels = filters
    encoder += [layer(filters, filters, 2 * LATENT), bias(2 * LATENT)]
    area = (SIZE // 4) ** 2
    decoder = [layer(LATENT, LATENT, WIDTH), bias(WIDTH)]
    decoder += [layer(WIDTH, WIDTH, area * MAPS), bias(area * MAPS)]
    decoder += [layer(4 * MAPS, 4, 4, MAPS, MAPS), bias(MAPS)]
    decoder += [layer(4 * MAPS, 4, 4, 1, MAPS), bias(1)]
    means = rng.normal(0.0, 0.5, (CLASSES, LATENT))
    centres = [means, np.full((CLASSES, LATENT), -2.5)]
    parts = (encoder, decoder, centres)
    return Weights(*([np.float32(w) for w in part] for part in parts))


def tasks(row: Row, seed: int = 0) -> dict[str, np.ndarray]:
    """An episode, or a labelled batch without support; pixels 0..255."""
    if row.kind == "adapt":
        data = episode(row, seed)
        scaled = {k: 255.0 * v for k, v in data.items() if k.endswith("_x")}
        return data | {k: np.float32(v) for k, v in scaled.items()}
    rng = np.random.default_rng(seed)
    images = rng.uniform(0.0, 255.0, (1, BATCH, SIZE, SIZE, 1))
    return {
        "support_x": np.zeros((1, 0, SIZE, SIZE, 1), np.float32),
        "support_y": np.zeros((1, 0), np.int64),
        "query_x": np.float32(images),
        "query_y": rng.integers(CLASSES, size=(1, BATCH)),
    }


def noise(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One draw of the batch's codes and of all centres, for comparison."""
    rng = np.random.default_rng(seed + 3)
    shapes = (BATCH, LATENT), (CLASSES, LATENT)
    codes, centres = (np.float32(rng.normal(size=shape)) for shape in shapes)
    return codes, centres
