"""GMM-VAE: divergences, scores, and inference of centres, on tensors."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from metazoo.learners.prototype import prototypes_of
from metazoo.methods.gmm_vae.gmm_vae_adaptation import (
    Objective,
    Support,
    ascend,
    base_total_of,
    closed_form,
    elbo,
    gradient,
    sampled_gradient,
)
from metazoo.methods.gmm_vae.gmm_vae_mixture import (
    Centres,
    Posterior,
    component_logits,
    kl_to_components,
    kl_to_prior,
    squared_distances,
)

tfd = tfp.distributions
VARIANCE = 0.1
LATENT = 5


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def support(dtype=tf.float64, ways=3, shots=2, tasks=2, base=7):
    """A support set with a padded row, and a column without an example."""
    count = ways * shots
    labels = np.tile(np.repeat(np.arange(ways), shots), (tasks, 1))
    members = np.eye(ways + 1)[labels]
    members[:, -1] = 0.0
    parts = (
        normal(tasks, count, LATENT),
        0.1 + 0.2 * np.abs(normal(tasks, count, LATENT, seed=1)),
        members,
        normal(base, LATENT, seed=2),
        -1.0 + 0.1 * normal(base, LATENT, seed=3),
    )
    mean, std, members, *centres = (tf.constant(p, dtype) for p in parts)
    return Support(Posterior(mean, std), members, Centres(*centres))


def centres(seed=4, tasks=2, ways=4):
    return Centres(
        tf.constant(normal(tasks, ways, LATENT, seed=seed)),
        tf.constant(-1.0 + 0.3 * normal(tasks, ways, LATENT, seed=seed + 1)),
    )


def test_divergence_equals_monte_carlo():
    rng = np.random.default_rng(0)
    m, s = normal(LATENT), 0.1 + np.abs(normal(LATENT, seed=1))
    mu, beta = normal(LATENT, seed=2), 0.1 + np.abs(normal(LATENT, seed=3))
    found = kl_to_components(
        Posterior(tf.constant(m), tf.constant(s)),
        Centres(tf.constant(mu), tf.constant(np.log(beta))),
        VARIANCE,
    ).numpy()
    z = m + s * rng.standard_normal((10**6, LATENT))
    eta = mu + beta * rng.standard_normal((10**6, LATENT))
    logs = 0.5 * np.log(VARIANCE) - np.log(s) - 0.5 * ((z - m) / s) ** 2
    draws = (logs + (z - eta) ** 2 / (2 * VARIANCE)).sum(-1)
    assert abs(found - draws.mean()) < 3 * draws.std() / 1000


def test_divergence_from_a_known_centre_is_that_of_normals():
    posterior = Posterior(
        tf.constant(normal(4, LATENT)),
        tf.constant(0.1 + np.abs(normal(4, LATENT, seed=1))),
    )
    mu = tf.constant(normal(4, LATENT, seed=2))
    found = kl_to_components(
        posterior,
        Centres(mu, tf.fill([4, LATENT], tf.cast(-40.0, mu.dtype))),
        2.5,
    )
    wide = tf.fill(mu.shape, tf.cast(np.sqrt(2.5), mu.dtype))
    expected = tfd.kl_divergence(
        tfd.MultivariateNormalDiag(*posterior),
        tfd.MultivariateNormalDiag(mu, wide),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_scores_give_the_posterior_of_the_mixture():
    z = tf.constant(normal(1, 6, LATENT))
    eta = tf.constant(normal(9, LATENT, seed=1))
    logits = component_logits(z, Centres(eta, eta), VARIANCE)
    shares = tf.nn.softmax(logits)[0]
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.zeros([9], tf.float64)),
        tfd.MultivariateNormalDiag(eta, np.full(LATENT, VARIANCE**0.5)),
    )
    np.testing.assert_allclose(tf.reduce_sum(shares, -1), 1.0)
    expected = mixture.posterior_marginal(z[0]).probs_parameter()
    np.testing.assert_allclose(shares, expected)


def test_scores_are_the_densities_they_stand_for():
    z = tf.constant(normal(2, 3, LATENT))
    one = centres()
    mu, beta = one.mean[:, None], tf.exp(one.log_std)[:, None]
    sigma = np.sqrt(VARIANCE)

    def log_density(std):
        components = tfd.MultivariateNormalDiag(
            mu, tf.broadcast_to(std, mu.shape)
        )
        at_zero = tfd.MultivariateNormalDiag(
            np.zeros(LATENT), np.full(LATENT, sigma)
        ).log_prob(np.zeros(LATENT))
        return components.log_prob(z[:, :, None]) - at_zero

    wide = tf.sqrt(VARIANCE + tf.square(beta))
    plain = log_density(tf.constant(sigma, tf.float64))
    spread = tf.reduce_sum(tf.square(beta), -1) / (2 * VARIANCE)
    for score, expected in (
        ("mean", plain),
        ("expected", plain - spread),
        ("predictive", log_density(wide)),
    ):
        found = component_logits(z, one, VARIANCE, score)
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 10.0])
def test_written_gradient_is_that_of_the_bound(alpha):
    given, aim, one = support(), Objective(VARIANCE, alpha), centres()
    with tf.GradientTape() as tape:
        tape.watch(one)
        value = tf.reduce_sum(elbo(one, given, aim))
    expected = tf.stack(tape.gradient(value, list(one)))
    found = gradient(one, given, aim, base_total_of(given, VARIANCE))
    # No gradient moves the column without an example.
    assert (found.numpy()[:, :, -1] == 0).all()
    np.testing.assert_allclose(found[:, :, :-1], expected[:, :, :-1], atol=1e-9)


def test_sampled_gradient_is_right_on_average():
    given, aim = support(ways=2, shots=1, tasks=1), Objective(1.0, 2.0)
    given = given._replace(
        posterior=given.posterior._replace(
            std=1e-6 * tf.ones_like(given.posterior.std)
        ),
        base=given.base._replace(
            log_std=-20.0 + tf.zeros_like(given.base.log_std)
        ),
    )
    one = centres(tasks=1, ways=3)
    # Draws in bulk: many equal tasks, each with its own seed.
    many = 4000
    wide = tf.nest.map_structure(lambda x: tf.repeat(x, many, 0), given[:2])
    wide = Support(*wide, given.base)
    eps = tf.random.stateless_normal(
        [many, 3, LATENT], [1, 2], dtype=tf.float64
    )

    def value(mean, log_std):
        eta = mean + tf.exp(log_std) * eps
        z = wide.posterior.mean
        new = component_logits(z, Centres(eta, eta), 1.0)
        new += -1e9 * (1.0 - wide.present[:, None])
        base = component_logits(z, wide.base, 1.0)
        logs = tf.nn.log_softmax(tf.concat([new, base], -1))[..., :3]
        right = tf.reduce_sum(wide.members * logs, [-1, -2])
        return tf.reduce_mean(right)

    with tf.GradientTape() as tape:
        tape.watch(one)
        loss = value(*one)
    expected = 2.0 * tf.stack(tape.gradient(loss, list(one)))
    still = gradient(one, given, Objective(1.0, 0.0), base_total_of(given, 1.0))
    seeds = tf.stack([tf.range(many), tf.zeros([many], tf.int32)], 1)
    same = Centres(*(tf.repeat(part, many, 0) for part in one))
    draw = tf.function(sampled_gradient)
    found = draw(same, wide, aim, seeds, tf.constant(3))
    found = tf.reduce_mean(found, 1, keepdims=True) - still
    np.testing.assert_allclose(found[:, :, :2], expected[:, :, :2], atol=0.15)


def test_closed_form_is_stationary_and_adam_reaches_it():
    given, aim = support(), Objective(VARIANCE, 0.0)
    best = closed_form(given, VARIANCE)
    slope = gradient(best, given, aim, base_total_of(given, VARIANCE))
    np.testing.assert_allclose(slope, 0.0, atol=1e-12)
    start = Centres(*(0.3 + part for part in best))
    start = Centres(*(given.present[..., None] * part for part in start))
    found = tf.function(ascend)(
        start,
        given,
        aim,
        tf.constant([2000, 2000]),
        0.01,
        max_steps=2000,
        decay=True,
    )
    for reached, wanted in zip(found, best, strict=True):
        np.testing.assert_allclose(reached[:, :-1], wanted[:, :-1], atol=1e-3)


def test_adaptation_raises_the_bound():
    # Components that overlap: the closed form is not the best then.
    given, aim = support(), Objective(1.0, 10.0)
    start = closed_form(given, 1.0)
    steps = tf.constant([0, 100])
    found = tf.function(ascend)(start, given, aim, steps, 0.01)
    before, after = elbo(start, given, aim), elbo(found, given, aim)
    assert after[0] == before[0]
    assert after[1] > before[1] + 0.1


def test_narrow_components_make_centres_prototypes():
    given = support()
    found = closed_form(given, 1e-9).mean
    labels = tf.argmax(given.members, -1)
    mask = tf.reduce_sum(given.members, -1) > 0
    z = tf.cast(given.posterior.mean, tf.float32)
    wanted = prototypes_of(z, labels, mask, 4)["prototypes"]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_absent_class_keeps_the_prior():
    best = closed_form(support(), VARIANCE)
    assert (best.mean.numpy()[:, -1] == 0).all()
    assert (best.log_std.numpy()[:, -1] == 0).all()
    np.testing.assert_allclose(kl_to_prior(best)[:, -1], 0.0, atol=1e-12)


def test_squared_distances_are_those_of_differences():
    z, mu = normal(2, 3, LATENT), normal(4, LATENT, seed=1)
    found = squared_distances(tf.constant(z), tf.constant(mu))
    expected = ((z[:, :, None] - mu) ** 2).sum(-1)
    np.testing.assert_allclose(found, expected, atol=1e-9)
