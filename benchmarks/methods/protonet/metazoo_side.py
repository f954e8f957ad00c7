"""A prototypical network, used as a user does."""

from __future__ import annotations

import keras
from rows import Row
from sides.images import OUTER_LEARNING_RATE, conv4_weights, episode
from sides.keras_steps import assign, train_step
from sides.worker import Step

import metazoo
from metazoo.layers import conv4


def make(row: Row) -> Step:
    """Builds a step."""
    backbone = conv4((28, 28, 1), filters=row.filters, fold_input=True)
    learner = metazoo.ProtoNet(backbone, value_range=None)
    assign(backbone.trainable_variables, conv4_weights(row))
    learner.compile(keras.optimizers.Adam(OUTER_LEARNING_RATE))
    return train_step(learner, episode(row))
