"""Small vectors and networks for the tests of the core and the methods."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.data.episode import Episode


def make_episode(
    num_tasks=2, ways=3, shots=2, queries=2, shape=(4,), seed=0
) -> Episode:
    """Noisy copies of one random mean per class; NumPy arrays."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(num_tasks, ways, *shape))

    def draw(count):
        y = np.tile(np.repeat(np.arange(ways), count), (num_tasks, 1))
        x = np.stack([m[row] for m, row in zip(means, y, strict=True)])
        x = x + 0.5 * rng.normal(size=x.shape)
        return x.astype(np.float32), y

    support_x, support_y = draw(shots)
    query_x, query_y = draw(queries)
    return Episode(
        support_x,
        support_y,
        query_x,
        query_y,
        np.ones(support_y.shape, bool),
        np.ones(query_y.shape, bool),
    )


def make_backbone(
    size=4, features=5, hidden=6, seed=1, dtype=None
) -> keras.Model:
    """Two dense layers with a smooth nonlinearity."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((size,)),
            keras.layers.Dense(hidden, "softplus", dtype=dtype),
            keras.layers.Dense(features, dtype=dtype),
        ]
    )


@pytest.fixture(scope="session")
def new_episode():
    """A function that draws a vector episode."""
    return make_episode


@pytest.fixture(scope="session")
def new_backbone():
    """A function that builds a dense backbone."""
    return make_backbone


@pytest.fixture(scope="session")
def identity():
    """A function that builds a backbone which returns its input."""

    def build(size):
        return keras.Sequential(
            [keras.Input((size,)), keras.layers.Activation("linear")]
        )

    return build


@pytest.fixture(scope="session")
def tensors():
    """A function that turns a NumPy episode into tensors."""

    def convert(episode):
        inputs, query_y, query_mask = episode.to_keras()
        return Episode.from_inputs(inputs, query_y, query_mask)

    return convert
