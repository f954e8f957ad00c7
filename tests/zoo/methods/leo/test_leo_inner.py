"""LEO's inner loops: by hand, against a tape, and to second order."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.leo import leo_inner
from metazoo.methods.leo.leo_inner import (
    Settings,
    Support,
    adapt_codes,
    class_logits,
    support_gradient,
)
from metazoo.methods.leo.leo_noise import NoNoise
from metazoo.methods.leo.leo_parts import members_of

TASKS, WAYS, FEATURES, LATENT = 2, 3, 5, 4


class FixedNoise:
    """The same draws on every pass through the loops."""

    def __init__(self, seed: int = 3) -> None:
        self.rng = np.random.default_rng(seed)

    def normal(self, shape):
        return tf.constant(self.rng.standard_normal(np.array(shape)))

    def drop(self, x):
        return x


def drawn(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).standard_normal(shape))


def support_of(labels, noise=None, mask=None) -> Support:
    labels = tf.tile(tf.constant([labels], tf.int64), [TASKS, 1])
    mask = tf.ones_like(labels, tf.bool) if mask is None else mask
    x = tf.math.l2_normalize(drawn(TASKS, labels.shape[1], FEATURES), -1)
    members = members_of(labels, mask, WAYS, "float64")
    return Support(x, members, noise or NoNoise())


def settings(**changes) -> Settings:
    values = {
        "decoder": drawn(LATENT, 2 * FEATURES, seed=1),
        "latent_rates": tf.abs(drawn(LATENT, seed=2)),
        "weight_rates": tf.abs(drawn(FEATURES, seed=3)),
        "latent_steps": 3,
        "weight_steps": 2,
        "offset": tf.constant(0.7, tf.float64),
    }
    return Settings(**{**values, **changes})


def test_steps_of_a_scalar_by_hand(monkeypatch):
    def loss(weights, support):
        return 4 * tf.reduce_sum(tf.square(weights), [1, 2]), 8 * weights

    monkeypatch.setattr(leo_inner, "support_gradient", loss)
    one = members_of(
        tf.constant([[0]], tf.int64), tf.constant([[True]]), 1, "float64"
    )
    support = Support(tf.zeros([1, 1, 1], tf.float64), one, NoNoise())
    identity = settings(
        decoder=tf.constant([[1.0, 0.0]], tf.float64),
        latent_rates=tf.constant([0.1], tf.float64),
        weight_rates=tf.constant([0.0], tf.float64),
        weight_steps=0,
    )
    start = tf.constant([[[4.0]]], tf.float64)
    found = adapt_codes(start, support, identity, "classes")
    np.testing.assert_allclose(found.latents, [[[0.032]]])
    np.testing.assert_allclose(found.weights, [[[0.032]]])
    assert [float(x[0]) for x in found.losses] == pytest.approx(
        [64.0, 2.56, 0.1024]
    )


def test_support_gradient_is_that_of_the_summed_loss():
    support = support_of([0, 1, 2, 2, 1])
    weights = drawn(TASKS, WAYS, FEATURES, seed=5)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        logits = class_logits(
            support.features, weights, support.members.present
        )
        losses = tf.nn.softmax_cross_entropy_with_logits(
            support.members.one_hot, logits
        )
        total = tf.reduce_sum(losses)
    loss, gradient = support_gradient(weights, support)
    np.testing.assert_allclose(loss, tf.reduce_sum(losses, 1))
    np.testing.assert_allclose(
        gradient, tape.gradient(total, weights), atol=1e-12
    )


@pytest.mark.parametrize(
    "labels",
    [[0, 1, 2], [0, 1, 2] * 2, [0, 1, 2] * 5, [0, 0, 0, 1, 2, 1]],
    ids=["one", "two", "five", "unequal"],
)
def test_copies_and_one_slot_a_class_agree(labels):
    support = support_of(labels)
    start = drawn(TASKS, WAYS, LATENT, seed=7)
    copies = tf.einsum("tsn,tnl->tsl", support.members.one_hot, start)
    one = adapt_codes(start, support, settings(), "classes")
    many = adapt_codes(copies, support, settings(), "examples")
    np.testing.assert_allclose(many.weights, one.weights, atol=1e-10)
    for slot, label in enumerate(labels):
        np.testing.assert_allclose(
            many.latents[:, slot], one.latents[:, label], atol=1e-10
        )


def test_padding_changes_nothing():
    mask = tf.constant([[True] * 3 + [False] * 2] * TASKS)
    padded = support_of([0, 1, 2, 0, 1], mask=mask)
    plain = Support(
        padded.features[:, :3],
        members_of(
            tf.constant([[0, 1, 2]] * TASKS, tf.int64),
            mask[:, :3],
            WAYS,
            "float64",
        ),
        NoNoise(),
    )
    start = drawn(TASKS, WAYS, LATENT, seed=7)
    np.testing.assert_allclose(
        adapt_codes(start, padded, settings(), "classes").weights,
        adapt_codes(start, plain, settings(), "classes").weights,
        atol=1e-12,
    )


def query_loss(decoder, second_order: bool = True) -> tf.Tensor:
    """Loss on other examples after both loops, the same noise each time."""
    support = support_of([0, 1, 2, 0, 1, 2], noise=FixedNoise())
    start = drawn(TASKS, 6, LATENT, seed=8)
    chosen = settings(decoder=decoder, second_order=second_order)
    found = adapt_codes(start, support, chosen, "examples")
    logits = class_logits(
        drawn(TASKS, WAYS, FEATURES, seed=11),
        found.weights,
        support.members.present,
    )
    targets = tf.eye(WAYS, batch_shape=[TASKS], dtype=tf.float64)
    return tf.reduce_mean(
        tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    )


def outer_gradient(decoder, **options) -> np.ndarray:
    with tf.GradientTape() as tape:
        tape.watch(decoder)
        value = query_loss(decoder, **options)
    return tape.gradient(value, decoder).numpy()


def test_outer_gradient_equals_central_differences():
    decoder = 0.5 * drawn(LATENT, 2 * FEATURES, seed=1)
    exact = outer_gradient(decoder)
    step = 1e-6
    for row, column in [(0, 0), (1, 3), (3, 4), (0, 6), (2, 8), (3, 9)]:
        moved = np.zeros(decoder.shape)
        moved[row, column] = step
        slope = query_loss(decoder + moved) - query_loss(decoder - moved)
        assert exact[row, column] == pytest.approx(
            float(slope) / (2 * step), abs=1e-7
        )


def test_second_order_changes_the_outer_gradient():
    decoder = 0.5 * drawn(LATENT, 2 * FEATURES, seed=1)
    first = outer_gradient(decoder, second_order=False)
    assert np.abs(outer_gradient(decoder) - first).max() > 1e-3
