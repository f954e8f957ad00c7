"""Small data and learners that train in a second."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data import ClassDataset, EpisodeSampler
from metazoo.layers import ExactLayerNormalization


def make_dataset(seed: int = 0, size: int = 4) -> ClassDataset:
    """12 classes of 8 noisy copies of a random image each."""
    rng = np.random.default_rng(seed)
    means = rng.integers(40, 216, (12, 1, size, size, 1))
    noise = rng.integers(-40, 40, (12, 8, size, size, 1))
    images = (means + noise).astype(np.uint8)
    return ClassDataset(
        images.reshape(-1, size, size, 1),
        np.arange(0, 97, 8),
        tuple(f"class{i}" for i in range(12)),
        name="noisy",
        split="train",
    )


def make_backbone(norm: bool = True) -> keras.Model:
    layers = [
        keras.Input((4, 4, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(8),
    ]
    if norm:
        layers.append(ExactLayerNormalization())
    layers += [keras.layers.ReLU(), keras.layers.Dense(6)]
    return keras.Sequential(layers)


def make_learner(
    name: str = "protonet", optimizer=None, seed: int = 0, **compile_options
):
    keras.utils.set_random_seed(seed)
    backbone = make_backbone()
    if name == "protonet":
        learner = metazoo.ProtoNet(backbone, num_ways=3)
    elif name == "maml":
        learner = metazoo.MAML(backbone, num_ways=3, inner_steps=1)
    else:
        learner = metazoo.Reptile(
            backbone, num_ways=3, inner_steps=2, inner_batch_size=3
        )
    learner.compile(
        optimizer=optimizer or keras.optimizers.Adam(0.01), **compile_options
    )
    return learner


@pytest.fixture(scope="session")
def build():
    """A function that makes a compiled learner of a method."""
    return make_learner


@pytest.fixture(scope="session")
def dataset() -> ClassDataset:
    return make_dataset()


@pytest.fixture(scope="session")
def sampler(dataset) -> EpisodeSampler:
    return EpisodeSampler(
        dataset, num_ways=3, num_shots=2, num_queries=2, seed=7
    )


@pytest.fixture
def determinism():
    """Repeatable ops, for one test only."""
    from tensorflow.python.framework import config

    from metazoo.trainers import deterministic

    deterministic(0)
    yield
    config.disable_op_determinism()
    tf.random.set_seed(0)
