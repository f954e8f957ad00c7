"""Batch normalisation with a scale and a shift of each example."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.errors import MetazooError
from metazoo.layers import ConditionalBatchNormalization, conv4
from metazoo.layers.conditional_batch_normalization import modulated

SHAPES = [(6, 4, 4, 3), (6, 3)]


def layer_for(shape, dtype="float32"):
    layer = ConditionalBatchNormalization(dtype=dtype)
    layer.build(shape)
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return layer


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [False, True])
def test_values_are_those_of_the_equation(shape, training):
    layer = layer_for(shape)
    x, scale, shift = random(shape), random((6, 3), 2), random((6, 3), 3)
    axes = tuple(range(len(shape) - 1))
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    if training:
        mean, variance = x.mean(axes), x.var(axes)
    found = layer(x, scale=scale, shift=shift, training=training)
    wide = (6, *[1] * (len(shape) - 2), 3)
    expected = (x - mean) / np.sqrt(variance + layer.epsilon)
    expected = expected * (layer.gamma.numpy() + scale).reshape(wide)
    expected = expected + (layer.beta.numpy() + shift).reshape(wide)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_zero_modulation_is_plain_normalisation(shape):
    plain, conditional = layer_for(shape), layer_for(shape)
    x, zeros = random(shape), np.zeros((6, 3), np.float32)
    for training in (False, True):
        np.testing.assert_allclose(
            conditional(x, scale=zeros, shift=zeros, training=training),
            plain(x, training=training),
            atol=1e-6,
        )
    for a, b in zip(plain.weights, conditional.weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_second_derivative_equals_differences():
    layer = layer_for((6, 3), "float64")
    x, way = tf.constant(random((6, 3)), tf.float64), random((6, 3), 5)
    scale, shift = random((6, 3), 2), random((6, 3), 3)

    def gradient(at):
        with tf.GradientTape() as tape:
            tape.watch(at)
            out = layer(at, scale=scale, shift=shift, training=True)
            loss = tf.reduce_sum(tf.sin(out))
        return tape.gradient(loss, at)

    with tf.GradientTape() as tape:
        tape.watch(x)
        along = tf.reduce_sum(gradient(x) * way)
    found = tf.reduce_sum(tape.gradient(along, x) * way)
    step = 1e-5
    change = gradient(x + step * way) - gradient(x - step * way)
    expected = tf.reduce_sum(change * way) / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def dense():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3),
            ConditionalBatchNormalization(),
            keras.layers.ReLU(),
        ]
    )


@pytest.mark.parametrize(
    ("build", "shape", "size"),
    [
        (dense, (4,), 6),
        (
            lambda: conv4((16, 16, 1), filters=2, normalization="conditional"),
            (16, 16, 1),
            16,
        ),
    ],
)
def test_modulated_model_shares_its_layers(build, shape, size):
    model = build()
    other = modulated(model)
    assert other.input_shape == [(None, *shape), (None, size)]
    own = {id(v) for v in model.variables}
    assert own == {id(v) for v in other.variables}
    x, zeros = random((3, *shape)), np.zeros((3, size), np.float32)
    np.testing.assert_allclose(other([x, zeros]), model(x), atol=1e-6)
    changed = other([x, zeros + np.array([[0.0], [0.0], [1.0]])])
    differs = np.abs(changed - model(x)).max(-1) > 1e-4
    assert differs.tolist() == [False, False, True]
    again = type(model).from_config(model.get_config())
    assert again.input_shape == (None, *shape)


def test_model_without_the_layer_is_refused():
    with pytest.raises(MetazooError, match="no ConditionalBatchNorm"):
        modulated(conv4((16, 16, 1), filters=2))
    inner = dense()
    inputs = keras.Input((4,))
    with pytest.raises(MetazooError, match="nested"):
        modulated(keras.Model(inputs, inner(inputs)))


@pytest.mark.parametrize(
    "options", [{"scale": False}, {"center": False}, {"axis": 1}]
)
def test_layer_without_a_place_for_modulation_is_refused(options):
    with pytest.raises(MetazooError, match="modulated"):
        ConditionalBatchNormalization(**options).build((2, 4, 4, 3))


def test_masked_examples_stay_out_of_the_moments():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3, 3, 2)).astype(np.float32)
    scale, shift = rng.normal(size=(2, 5, 2)).astype(np.float32)
    found = []
    for count in (3, 5):
        layer = ConditionalBatchNormalization(momentum=0.5)
        mask = np.broadcast_to(np.arange(count) < 3, (3, 3, count)).T
        outputs = layer(
            x[:count],
            training=True,
            mask=mask,
            scale=scale[:count],
            shift=shift[:count],
        )
        found.append((outputs[:3].numpy(), layer.moving_mean.numpy()))
    for alone, padded in zip(*found, strict=True):
        np.testing.assert_allclose(alone, padded, atol=1e-5)
