"""The weights of the best epoch, also over a kill; too many bad steps."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.errors import TrainingError
from metazoo.trainers.best_weights import BestWeights
from metazoo.trainers.callbacks import SkippedSteps


def model(value: float) -> keras.Model:
    built = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    built.set_weights([np.full((1, 1), value), np.zeros(1)])
    return built


def follow(callback, built, epochs):
    callback.set_model(built)
    callback.on_train_begin()
    for epoch, (weight, accuracy) in epochs:
        built.set_weights([np.full((1, 1), weight), np.zeros(1)])
        callback.on_epoch_end(epoch, {"val_accuracy": accuracy})


def test_training_ends_with_the_best_epoch(tmp_path):
    built = model(0.0)
    callback = BestWeights(tmp_path / "best.npz")
    follow(callback, built, enumerate([(1.0, 0.5), (2.0, 0.7), (3.0, 0.6)]))
    callback.on_train_end()
    assert built.get_weights()[0] == 2.0


def test_best_epoch_before_a_kill_counts(tmp_path):
    follow(BestWeights(tmp_path / "best.npz"), model(0.0), [(0, (1.0, 0.9))])
    built = model(0.0)
    callback = BestWeights(tmp_path / "best.npz")
    follow(callback, built, [(1, (2.0, 0.8))])
    callback.on_train_end()
    assert built.get_weights()[0] == 1.0


def test_missing_value_is_an_error(tmp_path):
    callback = BestWeights(tmp_path / "best.npz")
    callback.set_model(model(0.0))
    with pytest.raises(TrainingError, match="val_accuracy"):
        callback.on_epoch_end(0, {"loss": 1.0})


def test_nothing_half_written_stays(tmp_path):
    follow(BestWeights(tmp_path / "best.npz"), model(0.0), [(0, (1.0, 0.9))])
    assert [path.name for path in tmp_path.iterdir()] == ["best.npz"]


def test_too_many_skipped_steps_end_the_training():
    callback = SkippedSteps(2)
    callback.on_epoch_end(0, {"skipped_steps": 2.0})
    callback.on_epoch_end(0, {"loss": 1.0})
    with pytest.raises(TrainingError, match="3 steps of epoch 4"):
        callback.on_epoch_end(4, {"skipped_steps": 3.0})
