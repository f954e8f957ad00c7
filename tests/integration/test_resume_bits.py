"""A resumed run has the very bits of one that was never interrupted."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data import ClassDataset, EpisodeSampler
from metazoo.layers import conv4
from metazoo.trainers import Trainer, deterministic


@pytest.fixture(autouse=True)
def determinism():
    from tensorflow.python.framework import config

    deterministic(0)
    yield
    config.disable_op_determinism()
    tf.random.set_seed(0)


@pytest.fixture(scope="module")
def sampler():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 16, 16, 1), np.uint8)
    names = tuple(f"class{i}" for i in range(8))
    data = ClassDataset(images, np.arange(0, 41, 5), names)
    return EpisodeSampler(data, num_ways=3, num_shots=2, num_queries=2, seed=1)


def build(method: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    backbone = conv4((16, 16, 1), filters=4, rescaling=(-1 / 255, 1.0))
    if method == "protonet":
        learner = metazoo.ProtoNet(backbone)
    elif method == "dropout":
        noisy = keras.layers.Dropout(0.5, seed=3)(backbone.output)
        learner = metazoo.ProtoNet(keras.Model(backbone.input, noisy))
    elif method == "maml":
        learner = metazoo.MAML(backbone, num_ways=3)
    else:
        learner = metazoo.Reptile(
            backbone, num_ways=3, inner_steps=2, inner_batch_size=3
        )
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 6)
    learner.compile(optimizer=keras.optimizers.Adam(schedule))
    return learner


def train(method, sampler, steps, folder):
    """Trains a new learner; returns all its state and the logs."""
    learner = build(method)
    history = Trainer(learner, checkpoint_dir=folder, checkpoint_every=1).fit(
        sampler, num_tasks=2, steps=steps, steps_per_epoch=4, verbose=0
    )
    variables = [*learner.variables, *learner.optimizer.variables]
    logs = {k: v for k, v in history.history.items() if "second" not in k}
    return [v.numpy() for v in variables], logs


@pytest.mark.parametrize("method", ["protonet", "dropout", "maml", "reptile"])
def test_resumed_run_is_bit_identical(method, sampler, tmp_path):
    whole, logs = train(method, sampler, 6, tmp_path / "whole")
    first, _ = train(method, sampler, 3, tmp_path / "cut")
    keras.backend.clear_session()
    resumed, resumed_logs = train(method, sampler, 6, tmp_path / "cut")
    assert len(resumed) == len(whole)
    for found, expected in zip(resumed, whole, strict=True):
        assert found.tobytes() == expected.tobytes()
    assert any((a != b).any() for a, b in zip(first, whole, strict=True))
    # Cut within an epoch, whose logs cover the steps before the cut too.
    assert resumed_logs == logs
