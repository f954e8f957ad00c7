"""Centres of new classes: in closed form, or by Adam on written gradients.

Networks and the base components are constants here: only the divergences of
the new centres and the discriminative term depend on what is sought, so the
encoder runs once and the decoder not at all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from metazoo.methods.gmm_vae.gmm_vae_mixture import (
    Centres,
    Posterior,
    component_logits,
    kl_to_components,
    kl_to_prior,
)
from metazoo.wire.setting import MAX_STEPS

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7
_FAR = -1e9


class Support(NamedTuple):
    """What adaptation sees of a support set.

    Attributes:
        posterior: codes, [tasks, support, latent].
        members: float [tasks, support, ways], one-hot; 0 for padding.
        base: centres of the base components, [base classes, latent].
    """

    posterior: Posterior
    members: tf.Tensor
    base: Centres

    @property
    def shots(self) -> tf.Tensor:
        """Examples of each class, float [tasks, ways]."""
        return tf.reduce_sum(self.members, 1)

    @property
    def present(self) -> tf.Tensor:
        """1 for a class with an example, float [tasks, ways]."""
        return tf.cast(self.shots > 0, self.members.dtype)


class Objective(NamedTuple):
    """What is maximised (equation 14).

    Attributes:
        variance: of a component, sigma squared.
        alpha: weight of the discriminative term.
    """

    variance: float
    alpha: float


def closed_form(support: Support, variance: float) -> Centres:
    """The maximum where `alpha` is 0: nearly the means of the codes.

    Args:
        support: the support sets.
        variance: of a component.

    Returns:
        Centres [tasks, ways, latent]; the prior for a class without
        examples.
    """
    precision = 1.0 + support.shots[..., tf.newaxis] / variance
    sums = tf.matmul(support.members, support.posterior.mean, transpose_a=True)
    mean = sums / variance / precision
    log_std = tf.broadcast_to(-0.5 * tf.math.log(precision), tf.shape(mean))
    return Centres(mean, log_std)


def elbo(centres: Centres, support: Support, aim: Objective) -> tf.Tensor:
    """What adaptation maximises, without log p(x|z), which is constant.

    The prior of a centre counts once, however many examples it has.

    Args:
        centres: of the new classes.
        support: the support sets.
        aim: variance and alpha.

    Returns:
        float [tasks], in nats.
    """
    own = Centres(
        tf.matmul(support.members, centres.mean),
        tf.matmul(support.members, centres.log_std),
    )
    real = tf.reduce_sum(support.members, -1)
    fits = kl_to_components(support.posterior, own, aim.variance)
    base = tf.shape(support.base.mean)[0]
    ways = tf.reduce_sum(support.present, -1)
    log_classes = tf.math.log(ways + tf.cast(base, ways.dtype))
    found = -tf.reduce_sum(real * (fits + log_classes[:, None]), -1)
    found -= tf.reduce_sum(support.present * kl_to_prior(centres), -1)
    logits = _masked_logits(centres, support, aim.variance)
    total = _log_total(logits, base_total_of(support, aim.variance))
    right = tf.reduce_sum(support.members * logits, -1) - real * total
    return found + aim.alpha * tf.reduce_sum(right, -1)


def gradient(
    centres: Centres,
    support: Support,
    aim: Objective,
    base_total: tf.Tensor,
) -> tf.Tensor:
    """Gradient of `elbo` with respect to means and log deviations.

    Args:
        centres: of the new classes.
        support: the support sets.
        aim: variance and alpha.
        base_total: log of the summed densities of the base components,
            [tasks, support]; a constant, so computed once.

    Returns:
        float [2, tasks, ways, latent].
    """
    logits = _masked_logits(centres, support, aim.variance)
    surprise = _surprise(logits, base_total, support.members)
    # The divergence and the discriminative term pull alike.
    weights = support.members + aim.alpha * surprise
    return _slopes(centres, support, aim.variance, weights)


def sampled_gradient(
    centres: Centres,
    support: Support,
    aim: Objective,
    seeds: tf.Tensor,
    step: tf.Tensor,
) -> tf.Tensor:
    """As `gradient`, with the discriminative term on one draw of z and eta.

    Args:
        centres: of the new classes.
        support: the support sets.
        aim: variance and alpha.
        seeds: int32 [tasks, 2].
        step: int scalar; every step draws anew.

    Returns:
        float [2, tasks, ways, latent].
    """
    shapes = [
        tf.shape(part)[-2:]
        for part in (support.posterior.mean, centres.mean, support.base.mean)
    ]
    noises = _draws(seeds, step, shapes, centres.mean.dtype)
    z = support.posterior.mean + support.posterior.std * noises[0]
    std = tf.exp(centres.log_std)
    eta = centres.mean + std * noises[1]
    base = support.base.mean + tf.exp(support.base.log_std) * noises[2]
    logits = _without_absent(
        component_logits(z, Centres(eta, eta), aim.variance), support
    )
    base_logits = component_logits(z, Centres(base, base), aim.variance)
    surprise = _surprise(
        logits, tf.reduce_logsumexp(base_logits, -1), support.members
    )
    total = tf.reduce_sum(surprise, 1)[..., tf.newaxis]
    push = tf.matmul(surprise, z, transpose_a=True) - eta * total
    push *= aim.alpha / aim.variance
    extra = _only_present(push, push * std * noises[1], support)
    # The divergences have a closed form.
    return extra + _slopes(centres, support, aim.variance, support.members)


def ascend(
    start: Centres,
    support: Support,
    aim: Objective,
    num_steps: tf.Tensor,
    rate: float,
    seeds: tf.Tensor | None = None,
    max_steps: int = MAX_STEPS,
    decay: bool = False,
) -> Centres:
    """Maximises by Adam; a task stops at its own number of steps.

    Args:
        start: where to start from.
        support: the support sets.
        aim: variance and alpha.
        num_steps: int32 [tasks].
        rate: step size.
        seeds: int32 [tasks, 2] to draw the discriminative term; None takes
            means.
        max_steps: static bound of the loop.
        decay: whether the step size falls to zero along a line.

    Returns:
        The centres.
    """
    base_total = base_total_of(support, aim.variance)
    last = tf.reduce_max(num_steps)
    dtype = start.mean.dtype

    def go_on(step: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return step < last

    def body(step: tf.Tensor, values: Any, first: Any, second: Any) -> Any:
        centres = Centres(values[0], values[1])
        if seeds is None:
            slope = gradient(centres, support, aim, base_total)
        else:
            slope = sampled_gradient(centres, support, aim, seeds, step)
        first = _BETA_1 * first + (1.0 - _BETA_1) * slope
        second = _BETA_2 * second + (1.0 - _BETA_2) * tf.square(slope)
        count = tf.cast(step + 1, dtype)
        size = tf.cast(rate, dtype) * tf.sqrt(1.0 - _BETA_2**count)
        size /= 1.0 - _BETA_1**count
        if decay:
            size *= 1.0 - (count - 1.0) / tf.cast(last, dtype)
        moving = tf.cast(step < num_steps, dtype)[:, None, None]
        change = size * first / (tf.sqrt(second) + _EPSILON)
        return step + 1, values + moving * change, first, second

    values = tf.stack([start.mean, start.log_std])
    zeros = tf.zeros_like(values)
    _, values, _, _ = tf.while_loop(
        go_on,
        body,
        (tf.constant(0), values, zeros, zeros),
        maximum_iterations=max_steps,
    )
    return Centres(values[0], values[1])


def base_total_of(support: Support, variance: float) -> tf.Tensor:
    """Log of the summed densities of the base components.

    Args:
        support: the support sets.
        variance: of a component.

    Returns:
        float [tasks, support].
    """
    logits = component_logits(
        support.posterior.mean, support.base, variance, "expected"
    )
    return tf.reduce_logsumexp(logits, -1)


def _slopes(
    centres: Centres, support: Support, variance: float, weights: tf.Tensor
) -> tf.Tensor:
    """Gradient of weighted log densities and of the centres' own prior."""
    squares = centres.variance
    total = tf.reduce_sum(weights, 1)[..., tf.newaxis]
    pull = tf.matmul(weights, support.posterior.mean, transpose_a=True)
    to_mean = (pull - centres.mean * total) / variance - centres.mean
    to_log_std = -squares * total / variance + 1.0 - squares
    return _only_present(to_mean, to_log_std, support)


def _masked_logits(
    centres: Centres, support: Support, variance: float
) -> tf.Tensor:
    """Expected log densities under the new components."""
    logits = component_logits(
        support.posterior.mean, centres, variance, "expected"
    )
    return _without_absent(logits, support)


def _without_absent(logits: tf.Tensor, support: Support) -> tf.Tensor:
    absent = 1.0 - support.present[:, tf.newaxis, :]
    return logits + _FAR * absent


def _log_total(logits: tf.Tensor, base_total: tf.Tensor) -> tf.Tensor:
    """Log of the summed densities of all components, [tasks, support]."""
    both = tf.stack([tf.reduce_logsumexp(logits, -1), base_total])
    return tf.reduce_logsumexp(both, 0)


def _surprise(
    logits: tf.Tensor, base_total: tf.Tensor, members: tf.Tensor
) -> tf.Tensor:
    """Label less probability of each new class, 0 for padding."""
    total = _log_total(logits, base_total)[..., tf.newaxis]
    real = tf.reduce_sum(members, -1, keepdims=True)
    return members - real * tf.exp(logits - total)


def _only_present(
    to_mean: tf.Tensor, to_log_std: tf.Tensor, support: Support
) -> tf.Tensor:
    return tf.stack([to_mean, to_log_std]) * support.present[..., tf.newaxis]


def _draws(
    seeds: tf.Tensor, step: tf.Tensor, shapes: list[Any], dtype: tf.DType
) -> list[tf.Tensor]:
    """Standard normal draws of each task, which follow from its own seed."""

    def of_task(seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        seed = tf.random.experimental.stateless_fold_in(seed, step)
        streams = tf.random.experimental.stateless_split(seed, len(shapes))
        return tuple(
            tf.random.stateless_normal(
                shape, streams[i], dtype=dtype, alg="philox"
            )
            for i, shape in enumerate(shapes)
        )

    specs = tuple(tf.TensorSpec([None, None], dtype) for _ in shapes)
    return list(tf.map_fn(of_task, seeds, fn_output_signature=specs))
