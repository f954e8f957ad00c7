"""LEO, used as a user does."""

from __future__ import annotations

import keras
from methods.leo.data import CLIP, LATENT, OPTIONS, STEPS, weights
from rows import Row
from sides.images import OUTER_LEARNING_RATE, episode
from sides.keras_steps import adapt_step, assign, train_step
from sides.worker import Step

import metazoo
from metazoo.layers import features


def make(row: Row) -> Step:
    """Builds a step."""
    options = dict(OPTIONS)
    if not row.sample:
        options["dropout"] = 0.0
    learner = metazoo.LEO(
        features(row.features),
        num_ways=row.ways,
        latent_size=LATENT,
        latent_steps=STEPS,
        weight_steps=STEPS,
        sample=row.sample,
        **options,
    )
    assign(learner.trainable_variables, weights(row))
    data = episode(row)
    if row.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(
        keras.optimizers.Adam(OUTER_LEARNING_RATE, clipnorm=CLIP),
        clip_elements=CLIP,
    )
    return train_step(learner, data)
