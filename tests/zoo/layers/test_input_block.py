"""The folded first block against the four layers it stands for."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo import functional
from metazoo.layers import conv4

SHAPE = (17, 16, 2)


@pytest.fixture(params=["max_pool", "stride"])
def pair(request):
    """The same float64 network twice: plain, and folded."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        nets = [
            conv4(SHAPE, 4, request.param, fold_input=fold)
            for fold in (False, True)
        ]
    finally:
        keras.config.set_dtype_policy(before)
    plain, folded = nets
    rng = np.random.default_rng(0)
    for variable in plain.trainable_variables:
        # Negative scales too: the pool must not depend on their sign.
        variable.assign(rng.normal(0.0, 0.5, variable.shape))
    folded.set_weights(plain.get_weights())
    return nets


def images(examples, seed=1):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.normal(1.0, 1.0, (examples, *SHAPE)))


def sums(model, weights, x, state):
    z, state = functional.call(model, weights, state, x, True)
    weighting = tf.range(1, z.shape[-1] + 1, dtype=z.dtype)
    return tf.reduce_mean(tf.square(z) * weighting), state


def meta_gradient(model, x, query):
    weights, state = functional.weights_of(model)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        adapted = functional.inner_sgd(
            lambda w: sums(model, w, x, state)[0], weights, 2, 0.01, False
        )
        loss = sums(model, adapted, query, state)[0]
    return loss, tape.gradient(loss, weights)


@pytest.mark.parametrize("training", [False, True])
def test_values_and_moving_statistics_equal_those_of_the_layers(pair, training):
    x = images(3)
    results = []
    for model in pair:
        weights, state = functional.weights_of(model)
        results.append(functional.call(model, weights, state, x, training))
    (plain, plain_state), (folded, folded_state) = results
    np.testing.assert_allclose(folded, plain, rtol=1e-9, atol=1e-10)
    for a, b in zip(folded_state, plain_state, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_second_order_gradient_equals_that_of_the_layers(pair):
    plain, folded = (meta_gradient(m, images(3), images(4, 2)) for m in pair)
    np.testing.assert_allclose(folded[0], plain[0], rtol=1e-9)
    for a, b in zip(folded[1], plain[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_gradient_of_the_images_equals_that_of_the_layers(pair):
    x, gradients = images(3), []
    for model in pair:
        weights, state = functional.weights_of(model)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss, _ = sums(model, weights, x, state)
        gradients.append(tape.gradient(loss, x))
    np.testing.assert_allclose(*gradients, rtol=1e-7, atol=1e-9)


def test_frozen_block_keeps_moving_statistics(pair):
    block = pair[1].get_layer("block1")
    block.trainable = False
    x = images(2)
    np.testing.assert_array_equal(block(x, training=True), block(x))


def test_saved_model_gives_the_same_values(tmp_path):
    model = conv4((16, 16, 1), 4, fold_input=True)
    x = np.random.default_rng(0).normal(size=(2, 16, 16, 1))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(x), loaded(x))


def test_half_precision_keeps_statistics_in_float32():
    model = conv4((16, 16, 1), 4, fold_input=True)
    layer = type(model.get_layer("block1"))(4, dtype="mixed_bfloat16")
    x = np.random.default_rng(0).normal(size=(2, 16, 16, 1)).astype("float32")
    reference = type(layer)(4)
    reference.build(x.shape)
    layer.build(x.shape)
    layer.set_weights(reference.get_weights())
    outputs = layer(x, training=True)
    assert outputs.dtype == tf.bfloat16
    assert layer.moving_mean.dtype == "float32"
    np.testing.assert_allclose(
        tf.cast(outputs, tf.float32), reference(x, training=True), atol=0.05
    )


@pytest.mark.parametrize(
    "options", [{"normalization": "layer"}, {"use_bias": True}]
)
def test_block_that_cannot_be_folded_is_refused(options):
    with pytest.raises(ValueError, match="fold_input"):
        conv4((16, 16, 1), fold_input=True, **options)
