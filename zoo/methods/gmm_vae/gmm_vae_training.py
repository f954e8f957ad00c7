"""The training objective of labelled examples, and what it depends on."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from metazoo.methods.gmm_vae.gmm_vae_mixture import (
    Centres,
    Posterior,
    component_logits,
    kl_to_components,
    kl_to_prior,
)

tfd = tfp.distributions


class Terms(NamedTuple):
    """Parts of the objective, each a mean over examples, in nats.

    Attributes:
        reconstruction: log p(x|z).
        kl: expected divergence of the code from its component.
        centre_kl: divergence of all centres from their prior; one data set.
        discriminative: log q(y|z, eta).
    """

    reconstruction: tf.Tensor
    kl: tf.Tensor
    centre_kl: tf.Tensor
    discriminative: tf.Tensor


def log_likelihood(logits: tf.Tensor, ink: tf.Tensor) -> tf.Tensor:
    """Log probability of images, summed over pixels.

    Args:
        logits: of ink, [examples, height, width, 1].
        ink: 0 or 1, of the same shape.

    Returns:
        float [examples], in nats.
    """
    pixels = tfd.Independent(tfd.Bernoulli(logits=logits), 3)
    return pixels.log_prob(ink)


def objective_terms(
    posterior: Posterior,
    labels: tf.Tensor,
    centres: Centres,
    variance: float,
    decode: Any,
    noise: tuple[tf.Tensor, tf.Tensor],
) -> Terms:
    """All parts of the objective on one draw (equations 9 to 12).

    One draw of all centres is shared by the examples: drawing those of the
    examples' own classes alone would bias the softmax.

    Args:
        posterior: of the examples, [examples, latent].
        labels: int [examples].
        centres: of all classes, [classes, latent].
        variance: of a component.
        decode: from codes [examples, latent] to log p(x|z) [examples].
        noise: standard normal, shaped as the posterior's and the centres'
            means.
    """
    z = posterior.mean + posterior.std * noise[0]
    eta = centres.mean + tf.exp(centres.log_std) * noise[1]
    own = Centres(*(tf.gather(part, labels) for part in centres))
    # Without a width of its own, a draw is scored by its distance alone.
    logits = component_logits(z[None], Centres(eta, eta), variance)[0]
    right = -tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return Terms(
        reconstruction=tf.reduce_mean(decode(z)),
        kl=tf.reduce_mean(kl_to_components(posterior, own, variance)),
        centre_kl=tf.reduce_sum(kl_to_prior(centres)),
        discriminative=tf.reduce_mean(right),
    )


def ramp(step: Any, length: int) -> tf.Tensor:
    """Share of a warm-up that is done.

    Args:
        step: steps done, a scalar, or None for all.
        length: steps of the warm-up; 0 for none.

    Returns:
        float32 scalar in (0, 1].
    """
    if step is None or not length:
        return tf.constant(1.0)
    done = (tf.cast(step, tf.float32) + 1.0) / length
    return tf.minimum(done, 1.0)
