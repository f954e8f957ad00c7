"""ATAML, used as a user does."""

from __future__ import annotations

import keras
from methods.ataml.data import (
    CLIP_NORM,
    DILATIONS,
    DROPOUT,
    EMBEDDING,
    INNER_LEARNING_RATE,
    MAX_WORDS,
    VOCABULARY,
    texts,
    weights,
)
from rows import Row
from sides.images import OUTER_LEARNING_RATE
from sides.keras_steps import adapt_step, assign, train_step
from sides.worker import Step

import metazoo
from metazoo.layers import tcn


def make(row: Row) -> Step:
    """Builds a step."""
    backbone = tcn(
        len(VOCABULARY) + 2,
        EMBEDDING,
        filters=row.filters,
        dilations=DILATIONS,
        dropout=DROPOUT if row.sample else 0.0,
    )
    learner = metazoo.ATAML(
        backbone,
        VOCABULARY,
        max_words=MAX_WORDS,
        num_ways=row.ways,
        inner_steps=row.inner_steps,
        inner_learning_rate=INNER_LEARNING_RATE,
    )
    given = weights(row)
    learner.encoder.embeddings.assign(given.embeddings)
    assign(learner.encoder.convolutions, given.convolutions)
    head = (learner.attention_vector, learner.head_kernel, learner.head_bias)
    assign(head, given.head)
    data = texts(row)
    if row.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(
        keras.optimizers.Adam(OUTER_LEARNING_RATE, global_clipnorm=CLIP_NORM)
    )
    return train_step(learner, data)
