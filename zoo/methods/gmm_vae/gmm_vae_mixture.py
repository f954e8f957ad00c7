"""The mixture: divergences of its posteriors, and scores of its components."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

SCORES = ("mean", "expected", "predictive")


class Posterior(NamedTuple):
    """q(z|x): a normal distribution of independent entries.

    Attributes:
        mean: float [..., examples, latent].
        std: float [..., examples, latent].
    """

    mean: tf.Tensor
    std: tf.Tensor


class Centres(NamedTuple):
    """q(eta): normal distributions of the components' centres.

    Attributes:
        mean: float [..., classes, latent], mu in the paper.
        log_std: float [..., classes, latent], log beta in the paper.
    """

    mean: tf.Tensor
    log_std: tf.Tensor

    @property
    def variance(self) -> tf.Tensor:
        """beta squared."""
        return tf.exp(2.0 * self.log_std)


def kl_to_components(
    posterior: Posterior, centres: Centres, variance: float
) -> tf.Tensor:
    """Expected divergence of codes from components, one beside the other.

    The mean over q(eta) of KL(q(z|x) || N(eta, variance)), in closed form;
    the paper samples it.

    Args:
        posterior: of examples.
        centres: of the component of each example, shapes as `posterior`'s.
        variance: of a component, sigma squared.

    Returns:
        float [..., examples], in nats.
    """
    spread = tf.square(posterior.std) + centres.variance
    gaps = tf.square(posterior.mean - centres.mean)
    # log(sigma / s), written for any sigma.
    logs = 0.5 * tf.math.log(tf.cast(variance, spread.dtype))
    logs -= tf.math.log(posterior.std)
    each = logs + (spread + gaps) / (2.0 * variance) - 0.5
    return tf.reduce_sum(each, -1)


def kl_to_prior(centres: Centres) -> tf.Tensor:
    """KL(q(eta) || N(0, I)) of every centre.

    Args:
        centres: the centres.

    Returns:
        float [..., classes], in nats.
    """
    zeros = tf.zeros_like(centres.mean)
    prior = tfd.Normal(zeros, tf.ones_like(zeros))
    own = tfd.Normal(centres.mean, tf.exp(centres.log_std))
    return tf.reduce_sum(tfd.kl_divergence(own, prior), -1)


def component_logits(
    z: tf.Tensor, centres: Centres, variance: float, score: str = "mean"
) -> tf.Tensor:
    """Log densities of codes under components, less what all share.

    `mean` takes each centre for its mean; `expected` is the mean of the log
    density over q(eta) (equations 15 and 16 of the paper); `predictive` the
    log of the mean density.

    Args:
        z: float [tasks, examples, latent].
        centres: [tasks, classes, latent], or [classes, latent] for all.
        variance: of a component, sigma squared.
        score: one of `SCORES`.

    Returns:
        float [tasks, examples, classes]; the three agree where q(eta) has
        no width.
    """
    if score == "predictive":
        return _predictive(z, centres, variance)
    logits = -squared_distances(z, centres.mean)
    if score == "expected":
        widths = tf.reduce_sum(centres.variance, -1)
        logits -= widths[..., tf.newaxis, :]
    return logits / (2.0 * variance)


def squared_distances(z: tf.Tensor, means: tf.Tensor) -> tf.Tensor:
    """Squared distances of codes to centres.

    Args:
        z: float [tasks, examples, latent].
        means: [tasks, classes, latent], or [classes, latent] for all.

    Returns:
        float [tasks, examples, classes].
    """
    cross = tf.matmul(z, means, transpose_b=True)
    z_norms = tf.reduce_sum(tf.square(z), -1)[..., tf.newaxis]
    norms = tf.reduce_sum(tf.square(means), -1)[..., tf.newaxis, :]
    return z_norms + norms - 2.0 * cross


def _predictive(z: tf.Tensor, centres: Centres, variance: float) -> tf.Tensor:
    ratio = 1.0 + centres.variance / variance
    weights = 1.0 / ratio
    gaps = (
        tf.matmul(tf.square(z), weights, transpose_b=True)
        - 2.0 * tf.matmul(z, weights * centres.mean, transpose_b=True)
        + tf.reduce_sum(weights * tf.square(centres.mean), -1)[
            ..., tf.newaxis, :
        ]
    )
    widths = tf.reduce_sum(tf.math.log(ratio), -1)[..., tf.newaxis, :]
    return -0.5 * (gaps / variance + widths)
