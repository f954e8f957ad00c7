"""CACTUs-MAML, used as a user does."""

from __future__ import annotations

import keras
from methods.cactus.data import COLUMNS, INNER_LEARNING_RATE, weights
from rows import Row
from sides.images import OUTER_LEARNING_RATE, drawings
from sides.keras_steps import adapt_step, assign, train_step
from sides.worker import Step

from metazoo.layers import conv4
from metazoo.methods.cactus.cactus_model import CACTUs


def make(row: Row) -> Step:
    """Builds a step."""
    backbone = conv4(
        (28, 28, 1),
        filters=row.filters,
        downsampling="stride",
        pooling="average",
        normalization="offset",
    )
    learner = CACTUs(
        backbone,
        num_ways=COLUMNS,
        inner_steps=row.inner_steps,
        inner_learning_rate=INNER_LEARNING_RATE,
        predict_steps=row.inner_steps,
        value_range=None,
    )
    given = weights(row)
    variables = backbone.trainable_variables
    assign([v for v in variables if v.name == "kernel"], given.kernels)
    assign([v for v in variables if v.name == "beta"], given.offsets)
    assign(learner.head_variables, given.head)
    data = drawings(row)
    if row.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(keras.optimizers.Adam(OUTER_LEARNING_RATE))
    return train_step(learner, data)
