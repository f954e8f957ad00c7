"""TAEML, used as a user does."""

from __future__ import annotations

import keras
from methods.taeml.data import (
    INITIAL_TRUST,
    LENGTH,
    MEMBERS,
    RATE,
    SIDE,
    UNITS,
    tasks,
    weights,
)
from rows import Row
from sides.keras_steps import adapt_step, assign, train_step
from sides.worker import Step

import metazoo
from metazoo.layers import conv4
from metazoo.methods.taeml.taeml_ensemble import normalised


def make(row: Row) -> Step:
    """Builds a step."""
    given = weights(row)
    members = []
    for number in range(MEMBERS):
        net = conv4((SIDE, SIDE, 3), filters=row.filters)
        assign(net.trainable_variables, given.members[number])
        assign(net.non_trainable_variables, given.moments[number])
        members.append(normalised(net, LENGTH))
    learner = metazoo.TAEML.of(
        members,
        trust_units=UNITS,
        initial_trust=INITIAL_TRUST,
        value_range=None,
    )
    layers = (learner.trust.first, learner.trust.second, learner.trust.last)
    own = [v for layer in layers for v in (layer.kernel, layer.bias)]
    assign(own, given.trust)
    data = tasks(row)
    if row.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(keras.optimizers.Adam(RATE))
    return train_step(learner, data)
