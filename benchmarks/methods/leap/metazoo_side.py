"""Leap, used as a user does."""

from __future__ import annotations

import keras
from methods.leap.data import (
    BATCH,
    INNER_LEARNING_RATE,
    OUTER_LEARNING_RATE,
    tasks,
    weights,
)
from rows import Row
from sides.keras_steps import adapt_step, assign, train_step
from sides.worker import Step

import metazoo
from metazoo.methods.leap.leap_network import leap_network


def make(row: Row) -> Step:
    """Builds a step."""
    learner = metazoo.Leap(
        leap_network(filters=row.filters),
        num_ways=row.ways,
        inner_steps=row.inner_steps,
        inner_batch_size=BATCH,
        inner_learning_rate=INNER_LEARNING_RATE,
        value_range=None,
    )
    assign(learner.fast_variables, weights(row))
    data = tasks(row)
    if row.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(keras.optimizers.SGD(OUTER_LEARNING_RATE))
    return train_step(learner, data)
