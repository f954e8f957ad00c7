"""MAML, used as a user does."""

from __future__ import annotations

import keras
from methods.maml.data import INNER_LEARNING_RATE
from rows import Row
from sides.images import OUTER_LEARNING_RATE, conv4_weights, episode
from sides.keras_steps import adapt_step, assign, train_step
from sides.worker import Step

import metazoo
from metazoo.layers import conv4


def make(row: Row) -> Step:
    """Builds a step."""
    backbone = conv4((28, 28, 1), filters=row.filters, fold_input=True)
    learner = metazoo.MAML(
        backbone,
        num_ways=row.ways,
        inner_steps=row.inner_steps,
        inner_learning_rate=INNER_LEARNING_RATE,
        value_range=None,
    )
    variables = [*backbone.trainable_variables, *learner.head_variables]
    assign(variables, conv4_weights(row, head=True))
    data = episode(row)
    if row.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(keras.optimizers.Adam(OUTER_LEARNING_RATE))
    return train_step(learner, data)
