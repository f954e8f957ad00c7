"""LEO's inner loops: gradient steps on codes, then on weights.

The classifier is linear and the decoder is known, so the inner gradients are
written out. They are ordinary tensors: whoever differentiates the outcome
gets the second derivatives, and a served graph needs no gradient tape.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from metazoo.losses import mask_logits
from metazoo.methods.leo.leo_noise import Noise
from metazoo.methods.leo.leo_parts import (
    Decoded,
    Members,
    class_means,
    decode,
    latent_gradient,
)


class Support(NamedTuple):
    """A support set as the inner loops see it.

    Attributes:
        features: float [tasks, support, features].
        members: classes of the examples.
        noise: drops units and draws weights in training.
    """

    features: tf.Tensor
    members: Members
    noise: Noise


class Settings(NamedTuple):
    """What the inner loops share over tasks.

    Attributes:
        decoder: float [latent, 2 * features].
        latent_rates: float [latent], step sizes of codes.
        weight_rates: float [features], step sizes of weights.
        latent_steps: steps on codes.
        weight_steps: steps on weights.
        offset: deviation of the weights at zero, [tasks, 1, 1].
        kind: form of that deviation; see `leo_parts.deviation`.
        second_order: False cuts the gradient through inner gradients.
    """

    decoder: tf.Tensor
    latent_rates: tf.Tensor
    weight_rates: tf.Tensor
    latent_steps: int
    weight_steps: int
    offset: tf.Tensor
    kind: str = "exp_minus_one"
    second_order: bool = True


class Adapted(NamedTuple):
    """Where the inner loops end.

    Attributes:
        latents: float [tasks, slots, latent] after the latent loop.
        weights: float [tasks, ways, features].
        losses: summed support loss [tasks] before each step, in order.
    """

    latents: tf.Tensor
    weights: tf.Tensor
    losses: list[tf.Tensor]


def class_logits(
    features: tf.Tensor, weights: tf.Tensor, present: tf.Tensor
) -> tf.Tensor:
    """Logits of linear classifiers.

    Args:
        features: float [tasks, examples, features].
        weights: float [tasks, ways, features].
        present: float [tasks, ways], 0 for absent classes.

    Returns:
        float [tasks, examples, ways].
    """
    scores = tf.einsum("tsd,tnd->tsn", features, weights)
    return mask_logits(scores, present)


def support_gradient(
    weights: tf.Tensor, support: Support
) -> tuple[tf.Tensor, tf.Tensor]:
    """Loss summed over the support set, and its gradient.

    Args:
        weights: float [tasks, ways, features].
        support: the support set.

    Returns:
        Loss [tasks] and gradient [tasks, ways, features].
    """
    features, members = support.noise.drop(support.features), support.members
    logits = class_logits(features, weights, members.present)
    log_shares = tf.nn.log_softmax(logits)
    losses = -tf.reduce_sum(log_shares * members.one_hot, [1, 2])
    errors = tf.exp(log_shares) * members.real[..., None] - members.one_hot
    return losses, tf.einsum("tsn,tsd->tnd", errors, features)


def adapt_codes(
    latents: tf.Tensor,
    support: Support,
    settings: Settings,
    slots: str,
) -> Adapted:
    """Both inner loops (algorithm 1, lines 7 to 12).

    With one slot an example, each example carries a code of its class and a
    class's weights are the mean over them, as the authors train. With one
    slot a class, the equal copies are one, and a step is divided by their
    number.

    Args:
        latents: float [tasks, slots, latent], the codes to start from.
        support: the support set.
        settings: decoder, step sizes and numbers of steps.
        slots: "examples" or "classes".

    Returns:
        Codes and class weights at the end, and the losses on the way.
    """
    losses = []
    decoded = _decode(latents, settings, support.noise)
    for _ in range(settings.latent_steps):
        weights = _pooled(decoded.weights, support.members, slots)
        loss, gradient = support_gradient(weights, support)
        losses.append(loss)
        gradient = _spread(gradient, support.members, slots)
        step = latent_gradient(gradient, decoded, settings.decoder)
        latents -= settings.latent_rates * _cut(step, settings)
        decoded = _decode(latents, settings, support.noise)
    weights = _pooled(decoded.weights, support.members, slots)
    # The examples of a class share their gradient, so their mean is enough.
    for _ in range(settings.weight_steps):
        loss, gradient = support_gradient(weights, support)
        losses.append(loss)
        gradient = gradient / support.members.shots[..., None]
        weights -= settings.weight_rates * _cut(gradient, settings)
    return Adapted(latents, weights, losses)


def _decode(latents: tf.Tensor, settings: Settings, noise: Noise) -> Decoded:
    size = settings.decoder.shape[-1] // 2
    shape: Any = latents.shape
    if not shape.is_fully_defined():
        shape = tf.shape(latents)
    return decode(
        latents,
        settings.decoder,
        noise.normal(tf.concat([shape[:2], [size]], 0)),
        settings.offset,
        settings.kind,
    )


def _pooled(weights: tf.Tensor, members: Members, slots: str) -> tf.Tensor:
    return weights if slots == "classes" else class_means(weights, members)


def _spread(gradient: tf.Tensor, members: Members, slots: str) -> tf.Tensor:
    """Gradient by each slot from that by the class weights."""
    share = gradient / members.shots[..., None]
    if slots == "classes":
        return share
    return tf.einsum("tsn,tnd->tsd", members.one_hot, share)


def _cut(gradient: tf.Tensor, settings: Settings) -> tf.Tensor:
    return gradient if settings.second_order else tf.stop_gradient(gradient)
