"""ATAML, used as a user does."""

from __future__ import annotations

import keras
from data_ataml import (
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
from metazoo_steps import adapt_step, assign, train_step
from worker import Step
from workloads import OUTER_LEARNING_RATE, Workload

import metazoo
from metazoo.layers import tcn


def make(work: Workload) -> Step:
    """Builds a step."""
    backbone = tcn(
        len(VOCABULARY) + 2,
        EMBEDDING,
        filters=work.filters,
        dilations=DILATIONS,
        dropout=DROPOUT if work.sample else 0.0,
    )
    learner = metazoo.ATAML(
        backbone,
        VOCABULARY,
        max_words=MAX_WORDS,
        num_ways=work.ways,
        inner_steps=work.inner_steps,
        inner_learning_rate=INNER_LEARNING_RATE,
    )
    given = weights(work)
    learner.encoder.embeddings.assign(given.embeddings)
    assign(learner.encoder.convolutions, given.convolutions)
    head = (learner.attention_vector, learner.head_kernel, learner.head_bias)
    assign(head, given.head)
    data = texts(work)
    if work.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(
        keras.optimizers.Adam(OUTER_LEARNING_RATE, global_clipnorm=CLIP_NORM)
    )
    return train_step(learner, data)
