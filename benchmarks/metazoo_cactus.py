"""CACTUs-MAML, used as a user does."""

from __future__ import annotations

import keras
from data_cactus import COLUMNS, INNER_LEARNING_RATE, weights
from metazoo_steps import adapt_step, assign, train_step
from worker import Step
from workloads import OUTER_LEARNING_RATE, Workload, drawings

from metazoo.layers import conv4
from metazoo.methods.cactus.cactus_model import CACTUs


def make(work: Workload) -> Step:
    """Builds a step."""
    backbone = conv4(
        (28, 28, 1),
        filters=work.filters,
        downsampling="stride",
        pooling="average",
        normalization="offset",
    )
    learner = CACTUs(
        backbone,
        num_ways=COLUMNS,
        inner_steps=work.inner_steps,
        inner_learning_rate=INNER_LEARNING_RATE,
        predict_steps=work.inner_steps,
        value_range=None,
    )
    given = weights(work)
    variables = backbone.trainable_variables
    assign([v for v in variables if v.name == "kernel"], given.kernels)
    assign([v for v in variables if v.name == "beta"], given.offsets)
    assign(learner.head_variables, given.head)
    data = drawings(work)
    if work.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(keras.optimizers.Adam(OUTER_LEARNING_RATE))
    return train_step(learner, data)
