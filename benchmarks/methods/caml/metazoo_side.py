"""CAML, used as a user does."""

from __future__ import annotations

import keras
from methods.caml.data import (
    CLIP_ELEMENTS,
    INNER_LEARNING_RATE,
    METRIC_FILTERS,
    weights,
)
from rows import Row
from sides.images import BLOCKS, OUTER_LEARNING_RATE, episode
from sides.keras_steps import adapt_step, assign, train_step
from sides.worker import Step

import metazoo
from metazoo.layers import conv4


def make(row: Row) -> Step:
    """Builds a step."""
    shape = (28, 28, 1)
    given = weights(row)
    metric = conv4(shape, filters=METRIC_FILTERS)
    assign(metric.trainable_variables, given.metric)
    assign(metric.non_trainable_variables, given.moments)
    learner = metazoo.CAML(
        conv4(shape, filters=row.filters, normalization="conditional"),
        metric,
        inner_steps=row.inner_steps,
        inner_learning_rate=INNER_LEARNING_RATE,
        value_range=None,
    )
    assign(learner.backbone.trainable_variables, given.backbone)
    kernels = [
        learner.modulation.get_layer(f"block{block}_{part}").kernel
        for block in range(1, BLOCKS + 1)
        for part in "uv"
    ]
    assign(kernels, given.modulation)
    data = episode(row)
    if row.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(
        keras.optimizers.Adam(OUTER_LEARNING_RATE),
        clip_elements=CLIP_ELEMENTS,
    )
    return train_step(learner, data)
