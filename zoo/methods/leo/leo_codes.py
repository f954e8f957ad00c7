"""Where LEO's inner loop starts: codes, and the price of drawing them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import tensorflow as tf

from metazoo.methods.leo.leo_inner import Support
from metazoo.methods.leo.leo_options import Options
from metazoo.methods.leo.leo_parts import (
    deviation,
    kl_closed,
    kl_sampled,
    mean_over,
    relate,
)


class Codes(NamedTuple):
    """Distribution of each class's code.

    Attributes:
        mean: float [tasks, ways, latent].
        std: float [tasks, ways, latent], positive.
    """

    mean: tf.Tensor
    std: tf.Tensor


class Start(NamedTuple):
    """Codes that training starts from.

    Attributes:
        latents: float [tasks, slots, latent].
        kl: their KL divergence from the prior, scalar.
        slots: "classes" or "examples", one code for each.
    """

    latents: tf.Tensor
    kl: tf.Tensor
    slots: str


def distribution(
    support: Support,
    options: Options,
    encoder: tf.Tensor,
    relations: Sequence[tf.Tensor],
) -> Codes:
    """Encodes a support set (section 2.3.1, equations 1 and 2).

    Args:
        support: its features may be dropped here.
        options: of the learner.
        encoder: float [features, latent].
        relations: three matrices [2 * latent, 2 * latent].
    """
    members = support.members
    if options.prior == "normal":
        shape = [*tf.unstack(tf.shape(members.present)), options.latent_size]
        zeros = tf.zeros(shape, members.present.dtype)
        return Codes(zeros, zeros + 1.0)
    dropped = support.noise.drop(support.features)
    codes = tf.einsum("tsd,dl->tsl", dropped, encoder)
    mean, raw = relate(codes, members, relations)
    return Codes(mean, deviation(raw, 0.0, options.std).value)


def drawn_start(support: Support, codes: Codes, options: Options) -> Start:
    """Draws a code for each example, as the authors' code does.

    Args:
        support: what was encoded.
        codes: of its classes.
        options: of the learner; without `sample` the means are taken.
    """
    members, (mean, std) = support.members, codes
    nothing = tf.zeros([], mean.dtype)
    if not options.sample:
        return Start(mean, nothing, "classes")
    to_examples = partial(tf.einsum, "tsn,tnl->tsl", members.one_hot)
    means, stds = to_examples(mean), to_examples(std)
    noise = support.noise.normal(tf.shape(means))
    start = means + stds * noise
    if options.prior == "normal":
        return Start(start, nothing, "examples")
    if options.kl == "sampled":
        # Padding has no deviation, and no logarithm of it either.
        stds += 1.0 - members.real[..., None]
        kl = mean_over(kl_sampled(start, noise, stds), members.real)
    else:
        kl = mean_over(kl_closed(mean, std), members.present)
    return Start(start, kl, "examples")
