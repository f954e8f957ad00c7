"""GMM-VAE, used as a user does."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from methods.gmm_vae.data import (
    ALPHA,
    CENTRE_RATE,
    CLASSES,
    EXAMPLES,
    LATENT,
    VARIANCE,
    WIDTH,
    noise,
    tasks,
    weights,
)
from rows import Row
from sides.images import OUTER_LEARNING_RATE
from sides.keras_steps import adapt_step, assign, train_step
from sides.worker import Step

from metazoo.methods.gmm_vae import gmm_vae_networks as networks
from metazoo.methods.gmm_vae.gmm_vae_model import (
    CENTRE_NAMES,
    GMMVAE,
    ScaledAdam,
)


class GivenDraw(GMMVAE):
    """Draws what the other side draws, to compare losses."""

    def draw(self, seed: tf.Tensor, *parts: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """The same draw in every step."""
        return tuple(map(tf.constant, noise()))


def make(row: Row) -> Step:
    """Builds a step."""
    shape = (28, 28, 1)
    kind: Any = GMMVAE if row.sample else GivenDraw
    learner = kind(
        networks.encoder("light", shape, 2 * LATENT, row.filters),
        networks.decoder("light", shape, LATENT, WIDTH),
        num_classes=CLASSES,
        num_examples=EXAMPLES,
        variance=VARIANCE,
        alpha=ALPHA,
    )
    given = weights(row)
    assign(learner.backbone.trainable_variables, given.encoder)
    assign(learner.decoder.trainable_variables, given.decoder)
    assign((learner.base_mean, learner.base_log_std), given.centres)
    data = tasks(row)
    if row.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(
        ScaledAdam(
            OUTER_LEARNING_RATE,
            scales=dict.fromkeys(CENTRE_NAMES, CENTRE_RATE),
        )
    )
    return train_step(learner, data)
