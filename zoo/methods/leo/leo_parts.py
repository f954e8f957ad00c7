"""The pieces of LEO: codes, latent distribution, decoder, regularisers.

All are functions of dense tensors with a leading tasks axis, in float32 or
float64, without variables, so that each can be checked by itself. Section and
equation numbers are those of Rusu et al. 2019 (arXiv:1807.05960).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

# Where the standard deviation of the authors' code is cut off.
LEAST_STD = 1e-10
# Keeps the norm of a row of zeros from dividing by zero.
TINY = 1e-32


class Members(NamedTuple):
    """Which support example belongs to which class.

    Attributes:
        one_hot: float [tasks, support, ways]; rows of padding are zero.
        real: float [tasks, support], 0 where an example is padding.
        shots: float [tasks, ways], examples of each class, 1 for none.
        present: float [tasks, ways], 0 where a class has no example.
    """

    one_hot: tf.Tensor
    real: tf.Tensor
    shots: tf.Tensor
    present: tf.Tensor


def members_of(
    labels: tf.Tensor, mask: tf.Tensor, num_ways: int | tf.Tensor, dtype: str
) -> Members:
    """Reads labels and mask.

    Args:
        labels: int64 [tasks, support].
        mask: bool [tasks, support].
        num_ways: number of columns.
        dtype: of the result.
    """
    real = tf.cast(mask, dtype)
    one_hot = tf.one_hot(labels, num_ways, dtype=dtype) * real[..., None]
    counts = tf.reduce_sum(one_hot, axis=1)
    return Members(
        one_hot, real, tf.maximum(counts, 1.0), tf.minimum(counts, 1.0)
    )


def class_means(values: tf.Tensor, members: Members) -> tf.Tensor:
    """Means over the examples of each class; zero for absent classes.

    Args:
        values: float [tasks, support, size].
        members: of the same tasks.

    Returns:
        float [tasks, ways, size].
    """
    sums = tf.einsum("tsn,tsd->tnd", members.one_hot, values)
    return sums / members.shots[..., None]


def relate(
    codes: tf.Tensor, members: Members, layers: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Relation network (section 2.3.1, equation 2).

    Every ordered pair of codes, self-pairs included, goes through two ReLU
    layers and a linear one; the mean is over the partner, then over the
    shots of the class. The first layer is applied to the two halves of a
    pair apart and the last one after both means, which is the same sum with
    less work.

    Args:
        codes: float [tasks, support, latent].
        members: of the same tasks.
        layers: three matrices [2 * latent, 2 * latent].

    Returns:
        Means and raw log deviations, each float [tasks, ways, latent].
    """
    first, second, third = layers
    size = codes.shape[-1]
    left = tf.einsum("tsl,lm->tsm", codes, first[:size])
    right = tf.einsum("tsl,lm->tsm", codes, first[size:])
    pairs = tf.nn.relu(left[:, :, None] + right[:, None])
    pairs = tf.nn.relu(tf.einsum("tabl,lm->tabm", pairs, second))
    real = members.real / tf.maximum(
        tf.reduce_sum(members.real, -1, keepdims=True), 1.0
    )
    partners = tf.einsum("tabm,tb->tam", pairs, real)
    related = tf.einsum("tnm,mk->tnk", class_means(partners, members), third)
    mean, raw = tf.split(related, 2, axis=-1)
    return mean, raw


class Deviation(NamedTuple):
    """A standard deviation and its derivative.

    Attributes:
        value: positive, shaped as the raw value.
        slope: derivative of `value` by the raw value.
    """

    value: tf.Tensor
    slope: tf.Tensor


def deviation(
    raw: tf.Tensor, offset: float | tf.Tensor, kind: str
) -> Deviation:
    """Standard deviation of a raw network output.

    Args:
        raw: any shape.
        offset: the value at zero; 0 for latents.
        kind: "exp_minus_one" is max(exp(raw) - 1 + offset, 1e-10), as in the
            authors' code; "softplus" is softplus(raw), which has no edge.

    Returns:
        Value and slope.
    """
    if kind == "softplus":
        return Deviation(tf.nn.softplus(raw), tf.nn.sigmoid(raw))
    grown = tf.exp(raw)
    value = grown - (1.0 - offset)
    inside = tf.cast(value > LEAST_STD, raw.dtype)
    return Deviation(tf.maximum(value, LEAST_STD), grown * inside)


class Decoded(NamedTuple):
    """Weights of linear classifiers and how they follow from their codes.

    Attributes:
        weights: float [tasks, slots, features].
        noise_slope: derivative of `weights` by the raw deviation, or None
            where nothing was sampled.
    """

    weights: tf.Tensor
    noise_slope: tf.Tensor | None


def decode(
    latents: tf.Tensor,
    decoder: tf.Tensor,
    noise: tf.Tensor | None,
    offset: tf.Tensor | None,
    kind: str,
) -> Decoded:
    """Decoder (section 2.3.2, equations 3 and 4).

    Args:
        latents: float [tasks, slots, latent].
        decoder: float [latent, 2 * features].
        noise: standard normal [tasks, slots, features], or None for the mean.
        offset: deviation at a raw value of zero, [tasks, 1, 1].
        kind: as for `deviation`.
    """
    size = decoder.shape[-1] // 2
    if noise is None:
        mean = tf.einsum("tjl,ld->tjd", latents, decoder[:, :size])
        return Decoded(mean, None)
    both = tf.einsum("tjl,ld->tjd", latents, decoder)
    mean, raw = tf.split(both, 2, axis=-1)
    std = deviation(raw, offset, kind)
    return Decoded(mean + std.value * noise, std.slope * noise)


def latent_gradient(
    weight_gradient: tf.Tensor, decoded: Decoded, decoder: tf.Tensor
) -> tf.Tensor:
    """Gradient by the codes from that by the weights they decode to.

    Args:
        weight_gradient: float [tasks, slots, features].
        decoded: what `decode` returned.
        decoder: float [latent, 2 * features].

    Returns:
        float [tasks, slots, latent].
    """
    size = decoder.shape[-1] // 2
    if decoded.noise_slope is None:
        return tf.einsum("tjd,ld->tjl", weight_gradient, decoder[:, :size])
    through_std = weight_gradient * decoded.noise_slope
    both = tf.concat([weight_gradient, through_std], -1)
    return tf.einsum("tjd,ld->tjl", both, decoder)


def kl_closed(mean: tf.Tensor, std: tf.Tensor) -> tf.Tensor:
    """KL divergence from the standard normal, each element.

    Args:
        mean: any shape.
        std: of the same shape.
    """
    return -tf.math.log(std) + 0.5 * (tf.square(std) + tf.square(mean)) - 0.5


def kl_sampled(
    latents: tf.Tensor, noise: tf.Tensor, std: tf.Tensor
) -> tf.Tensor:
    """One-sample estimate of the same, as the authors' code takes it.

    Args:
        latents: mean + std * noise.
        noise: the standard normal draw.
        std: of the latents.
    """
    log_ratio = 0.5 * (tf.square(latents) - tf.square(noise))
    return log_ratio - tf.math.log(std)


def squared_norms(matrices: Sequence[tf.Tensor]) -> tf.Tensor:
    """Half the sum of squares of all elements of all matrices."""
    return tf.add_n([tf.nn.l2_loss(matrix) for matrix in matrices])


def orthogonality(decoder: tf.Tensor) -> tf.Tensor:
    """How far the decoder's rows are from orthogonal to each other.

    The mean square of the cosine similarities less the identity. The paper
    (section 2.5, equation 8) writes a norm; this is the authors' code.

    Args:
        decoder: float [latent, 2 * features], one row a latent dimension.

    Returns:
        Scalar.
    """
    norms = tf.sqrt(tf.reduce_sum(tf.square(decoder), 1, keepdims=True) + TINY)
    unit = decoder / norms
    cosines = tf.matmul(unit, unit, transpose_b=True)
    size = decoder.shape[0]
    return tf.reduce_mean(tf.square(cosines - tf.eye(size, dtype=unit.dtype)))


def mean_over(values: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Mean over the real slots of each task, then over tasks.

    Args:
        values: float [tasks, slots, size].
        share: float [tasks, slots], 0 for slots that don't count.
    """
    sums = tf.reduce_sum(tf.reduce_mean(values, -1) * share, -1)
    counts = tf.maximum(tf.reduce_sum(share, -1), 1.0)
    return tf.reduce_mean(sums / counts)
