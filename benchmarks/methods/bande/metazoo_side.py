"""BANDE, used as a user does."""

from __future__ import annotations

import keras
import numpy as np
from methods.bande.data import (
    ALPHA,
    CLIP_NORM,
    RMSPROP_DECAY,
    RMSPROP_EPSILON,
    SIGMAS,
)
from rows import Row
from sides.images import OUTER_LEARNING_RATE, conv4_weights, drawings
from sides.keras_steps import adapt_step, assign, train_step
from sides.worker import Step

import metazoo
from metazoo.layers import conv4


def make(row: Row) -> Step:
    """Builds a step."""
    learner = metazoo.BANDE(
        conv4((28, 28, 1), filters=row.filters, fold_input=True),
        alpha=ALPHA,
        sigma=SIGMAS[row.name],
        sigma_unlabeled=SIGMAS[row.name],
        value_range=None,
    )
    assign(learner.backbone.trainable_variables, conv4_weights(row))
    data = drawings(row)
    if row.kind == "adapt":
        return adapt_step(learner, data)
    if row.unlabelled:
        mask = np.ones((row.tasks, row.unlabelled), bool)
        data["unlabeled_mask"] = mask
    learner.compile(
        keras.optimizers.RMSprop(
            OUTER_LEARNING_RATE,
            rho=RMSPROP_DECAY,
            epsilon=RMSPROP_EPSILON,
            global_clipnorm=CLIP_NORM,
        )
    )
    return train_step(learner, data)
