"""LEO's pieces against slow loops and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.leo.leo_parts import (
    Decoded,
    class_means,
    decode,
    deviation,
    kl_closed,
    kl_sampled,
    latent_gradient,
    members_of,
    orthogonality,
    relate,
    squared_norms,
)

LATENT = 3


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def members(labels, mask=None, ways: int = 3):
    labels = tf.constant(labels, tf.int64)
    mask = tf.ones_like(labels, tf.bool) if mask is None else tf.constant(mask)
    return members_of(labels, mask, ways, "float64")


def layers() -> list[np.ndarray]:
    return [drawn(2 * LATENT, 2 * LATENT, seed=s) for s in (1, 2, 3)]


def slow_relation(codes, labels, mask, ways, matrices):
    """Every ordered pair by itself, as equation 2 is written."""
    real = [i for i, kept in enumerate(mask) if kept]
    outcomes = np.zeros((ways, 2 * LATENT))
    for way in range(ways):
        own = [i for i in real if labels[i] == way]
        for a, b in itertools.product(own, real):
            x = np.concatenate([codes[a], codes[b]])
            x = np.maximum(np.maximum(x @ matrices[0], 0) @ matrices[1], 0)
            outcomes[way] += x @ matrices[2] / (len(own) * len(real))
    return outcomes


@pytest.mark.parametrize(
    ("labels", "mask"),
    [
        ([0, 1, 2, 0, 1, 2], [True] * 6),
        ([2, 0, 0, 1, 0, 2], [True] * 6),
        ([0, 1, 1, 2, 0, 0], [True, True, True, True, False, False]),
    ],
)
def test_relation_equals_all_ordered_pairs(labels, mask):
    codes = drawn(6, LATENT)
    found = relate(
        tf.constant(codes[None]), members([labels], [mask]), layers()
    )
    expected = slow_relation(codes, labels, mask, 3, layers())
    np.testing.assert_allclose(tf.concat(found, -1)[0], expected, atol=1e-12)


def test_relation_sees_other_classes():
    codes = drawn(1, 2, LATENT)
    one = relate(tf.constant(codes), members([[0, 1]], ways=2), layers())[0]
    codes[:, 1] += 1.0
    two = relate(tf.constant(codes), members([[0, 1]], ways=2), layers())[0]
    assert np.abs(one[0, 0] - two[0, 0]).max() > 1e-3


def test_relation_ignores_duplicates():
    codes = tf.constant(drawn(1, 4, LATENT))
    once = relate(codes, members([[0, 1, 2, 2]]), layers())
    twice = relate(
        tf.concat([codes, codes], 1), members([[0, 1, 2, 2] * 2]), layers()
    )
    for a, b in zip(once, twice, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_absent_class_gives_zeros_and_no_division_by_zero():
    mean, raw = relate(
        tf.constant(drawn(1, 2, LATENT)), members([[0, 2]]), layers()
    )
    assert (mean[0, 1].numpy() == 0).all()
    assert (raw[0, 1].numpy() == 0).all()
    assert np.isfinite(mean).all()


def test_class_means_take_unequal_shots():
    values = tf.constant([[[1.0], [3.0], [5.0], [100.0]]], tf.float64)
    found = class_means(
        values, members([[0, 0, 1, 1]], [[True, True, True, False]])
    )
    np.testing.assert_allclose(found[0, :, 0], [2.0, 5.0, 0.0])


@pytest.mark.parametrize("kind", ["exp_minus_one", "softplus"])
def test_slope_of_deviation_is_its_derivative(kind):
    raw = np.array([-2.0, -0.4, 0.3, 1.5])
    step = 1e-6
    up, down = (deviation(raw + d, 0.6, kind).value for d in (step, -step))
    np.testing.assert_allclose(
        deviation(tf.constant(raw), 0.6, kind).slope,
        (up - down) / (2 * step),
        atol=1e-6,
    )


def test_deviation_is_cut_off_where_exp_minus_one_is_negative():
    found = deviation(tf.constant([-1.0, 0.0, 1.0], tf.float64), 0.0, "")
    np.testing.assert_allclose(found.value, [1e-10, 1e-10, np.e - 1])
    np.testing.assert_allclose(found.slope, [0.0, 0.0, np.e])


def test_decoder_has_its_offset_at_zero():
    decoder = np.zeros((LATENT, 8))
    noise = tf.constant(drawn(2, 3, 4))
    offset = tf.constant([[[0.3]], [[0.5]]], tf.float64)
    latents = tf.constant(drawn(2, 3, LATENT))
    found = decode(latents, decoder, noise, offset, "exp_minus_one")
    np.testing.assert_allclose(found.weights, offset * noise)
    mean = decode(latents, decoder, None, None, "exp_minus_one")
    assert (mean.weights.numpy() == 0).all()


@pytest.mark.parametrize("sampled", [False, True])
def test_latent_gradient_equals_a_tape(sampled):
    decoder = tf.constant(0.3 * drawn(LATENT, 10))
    latents = tf.constant(drawn(2, 4, LATENT))
    noise = tf.constant(drawn(2, 4, 5)) if sampled else None
    offset = tf.constant(0.8, tf.float64)
    target = tf.constant(drawn(2, 4, 5, seed=9))
    with tf.GradientTape() as tape:
        tape.watch(latents)
        decoded = decode(latents, decoder, noise, offset, "exp_minus_one")
        value = tf.reduce_sum(decoded.weights * target)
    np.testing.assert_allclose(
        latent_gradient(target, decoded, decoder),
        tape.gradient(value, latents),
        atol=1e-12,
    )
    assert isinstance(decoded, Decoded)


def test_sampled_kl_averages_to_the_closed_form():
    mean = tf.constant([0.7, -1.2, 0.0], tf.float64)
    std = tf.constant([0.5, 1.5, 2.0], tf.float64)
    noise = tf.constant(drawn(100_000, 3))
    sampled = kl_sampled(mean + std * noise, noise, std)
    np.testing.assert_allclose(
        tf.reduce_mean(sampled), tf.reduce_mean(kl_closed(mean, std)), rtol=0.01
    )


def test_closed_kl_is_zero_for_the_standard_normal():
    assert kl_closed(tf.constant(0.0), tf.constant(1.0)) == 0.0


def test_orthogonality_is_about_directions_of_rows():
    rows = np.diag([0.5, 2.0, 7.0, 1.0])[:3]
    np.testing.assert_allclose(orthogonality(tf.constant(rows)), 0.0, atol=1e-9)
    skew = drawn(3, 4)
    scaled = skew * np.array([[0.1], [3.0], [20.0]])
    np.testing.assert_allclose(
        orthogonality(tf.constant(skew)), orthogonality(tf.constant(scaled))
    )
    assert orthogonality(tf.constant(skew)) > 0.01


def test_orthogonality_is_the_mean_over_all_pairs():
    rows = tf.constant([[1.0, 0.0], [1.0, 1.0]], tf.float64)
    # Two of four entries are 1 / sqrt(2) off.
    np.testing.assert_allclose(orthogonality(rows), 0.25)


def test_orthogonality_of_a_row_of_zeros_is_finite():
    assert np.isfinite(orthogonality(tf.zeros([2, 3])))


def test_squared_norms_are_halved():
    parts = [tf.constant([[1.0, 2.0]]), tf.constant([[3.0]])]
    assert squared_norms(parts) == 7.0
