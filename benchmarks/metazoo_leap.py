"""Leap, used as a user does."""

from __future__ import annotations

import keras
from data_leap import (
    BATCH,
    INNER_LEARNING_RATE,
    OUTER_LEARNING_RATE,
    tasks,
    weights,
)
from metazoo_steps import adapt_step, assign, train_step
from worker import Step
from workloads import Workload

import metazoo
from metazoo.methods.leap.leap_network import leap_network


def make(work: Workload) -> Step:
    """Builds a step."""
    learner = metazoo.Leap(
        leap_network(filters=work.filters),
        num_ways=work.ways,
        inner_steps=work.inner_steps,
        inner_batch_size=BATCH,
        inner_learning_rate=INNER_LEARNING_RATE,
        value_range=None,
    )
    assign(learner.fast_variables, weights(work))
    data = tasks(work)
    if work.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(keras.optimizers.SGD(OUTER_LEARNING_RATE))
    return train_step(learner, data)
