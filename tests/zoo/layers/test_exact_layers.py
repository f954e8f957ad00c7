"""Exact normalisation layers: values as stock, second derivative right."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo import functional
from metazoo.layers import (
    ExactBatchNormalization,
    ExactGroupNormalization,
    ExactLayerNormalization,
)

PAIRS = {
    "batch": (keras.layers.BatchNormalization, ExactBatchNormalization, {}),
    "layer": (
        keras.layers.LayerNormalization,
        ExactLayerNormalization,
        {"axis": [1, 2, 3]},
    ),
    "group": (
        keras.layers.GroupNormalization,
        ExactGroupNormalization,
        {"groups": 2},
    ),
}


def twins(stock, exact, config, shape, dtype="float32"):
    """A stock and an exact layer with the same random weights."""
    pair = stock(**config, dtype=dtype), exact(**config, dtype=dtype)
    rng = np.random.default_rng(5)
    for layer in pair:
        layer.build(shape)
    values = [rng.uniform(0.5, 1.5, v.shape) for v in pair[0].weights]
    for layer in pair:
        layer.set_weights(values)
    return pair


def gradients(layer, x, **kwargs):
    """Output and its first-order gradients along a fixed direction."""
    direction = np.random.default_rng(6).normal(size=x.shape)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, **kwargs)
        along = tf.reduce_sum(tf.cast(y, tf.float64) * direction)
    variables = [v.value for v in layer.trainable_variables]
    return [y, *tape.gradient(along, [x, *variables])]


def assert_all_close(got, want, rtol=1e-4, atol=2e-5):
    for a, b in zip(got, want, strict=True):
        a, b = (tf.cast(t, tf.float64).numpy() for t in (a, b))
        scale = max(1.0, np.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol * scale)


IMAGE, SEQUENCE, FLAT = (6, 4, 4, 8), (6, 5, 8), (6, 8)
OPTIONS = [
    ("batch", IMAGE, {}),
    ("batch", IMAGE, {"axis": 3, "momentum": 0.3}),
    ("batch", IMAGE, {"axis": 1}),
    ("batch", IMAGE, {"epsilon": 1e-6}),
    ("batch", IMAGE, {"center": False}),
    ("batch", IMAGE, {"scale": False}),
    ("batch", IMAGE, {"renorm": True, "renorm_clipping": {"rmax": 2.0}}),
    ("batch", SEQUENCE, {}),
    ("batch", FLAT, {"center": False, "scale": False}),
    ("layer", IMAGE, {}),
    ("layer", IMAGE, {"axis": [-1, -2, -3]}),
    ("layer", IMAGE, {"axis": [1, 3], "scale": False}),
    ("layer", SEQUENCE, {"axis": 1, "center": False}),
    ("layer", FLAT, {"rms_scaling": True}),
    ("group", IMAGE, {"groups": 4}),
    ("group", IMAGE, {"groups": -1}),
    ("group", IMAGE, {"groups": 2, "axis": 1}),
    ("group", IMAGE, {"groups": 2, "axis": -3}),
    ("group", SEQUENCE, {"groups": 1, "scale": False}),
    ("group", FLAT, {"groups": 2, "center": False}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
@pytest.mark.parametrize(("kind", "shape", "config"), OPTIONS)
def test_value_gradient_and_state_equal_stock(kind, shape, config, dtype):
    stock, exact = twins(*PAIRS[kind][:2], config, shape, dtype)
    x = np.random.default_rng(8).normal(1.0, 2.0, shape)
    x = tf.constant(x, keras.backend.standardize_dtype(stock.compute_dtype))
    calls = [{}]
    if kind == "batch":
        calls = [{"training": True}, {"training": False}]
    # Half precision rounds gradients to 8 bits, in another order.
    tolerance = 2e-2 if dtype == "mixed_bfloat16" else 1e-4
    for kwargs in calls:
        got, want = (gradients(layer, x, **kwargs) for layer in (exact, stock))
        assert got[0].dtype == want[0].dtype
        assert_all_close(got, want, tolerance, tolerance)
    assert_all_close(exact.variables, stock.variables)


def test_masked_batch_equals_stock_and_ignores_masked_entries():
    stock, exact = twins(*PAIRS["batch"][:2], {}, SEQUENCE)
    rng = np.random.default_rng(8)
    x = rng.normal(size=SEQUENCE).astype("float32")
    mask = rng.uniform(size=SEQUENCE[:2]) < 0.6
    kwargs = {"training": True, "mask": tf.constant(mask)}
    got, want = (
        gradients(layer, tf.constant(x), **kwargs) for layer in (exact, stock)
    )
    assert_all_close(got, want)
    assert_all_close(exact.variables, stock.variables)
    spoilt = exact(np.where(mask[..., None], x, 99.0), **kwargs)
    np.testing.assert_allclose(
        spoilt.numpy()[mask], got[0].numpy()[mask], rtol=1e-5, atol=1e-5
    )


def test_masked_image_batch_takes_the_weighted_moments():
    stock, exact = twins(*PAIRS["batch"][:2], {}, IMAGE)
    rng = np.random.default_rng(8)
    x = rng.normal(size=IMAGE).astype("float32")
    mask = tf.constant(rng.uniform(size=IMAGE[:3]) < 0.6)
    assert_all_close(
        [exact(x, training=True, mask=mask)],
        [stock(x, training=True, mask=mask)],
    )


def test_frozen_batch_normalisation_uses_moving_statistics():
    _, exact = twins(*PAIRS["batch"][:2], {}, IMAGE)
    x = np.random.default_rng(8).normal(size=IMAGE).astype("float32")
    exact.trainable = False
    np.testing.assert_array_equal(
        exact(x, training=True), exact(x, training=False)
    )


def test_stateless_call_returns_new_statistics_and_assigns_none():
    stock, exact = twins(*PAIRS["batch"][:2], {}, IMAGE)
    x = np.random.default_rng(8).normal(size=IMAGE).astype("float32")
    before = [v.numpy() for v in exact.non_trainable_variables]
    weights, others = functional.weights_of(exact)
    _, new = functional.call(exact, weights, others, x, True)
    assert_all_close(exact.non_trainable_variables, before, 0.0, 0.0)
    stock(x, training=True)
    assert_all_close(new, stock.non_trainable_variables)


def test_gradient_reaches_the_new_moving_statistics():
    """The fused kernel alone would drop it."""
    _, exact = twins(*PAIRS["batch"][:2], {"momentum": 0.0}, IMAGE)
    x = tf.constant(np.random.default_rng(8).normal(size=IMAGE), tf.float32)
    weights, others = functional.weights_of(exact)
    with tf.GradientTape() as tape:
        tape.watch(x)
        _, (mean, variance) = functional.call(exact, weights, others, x, True)
        total = tf.reduce_sum(mean) + tf.reduce_sum(variance)
    count = IMAGE[0] * IMAGE[1] * IMAGE[2]
    centred = x - tf.reduce_mean(x, [0, 1, 2])
    expected = (1.0 + 2.0 * centred) / count
    np.testing.assert_allclose(
        tape.gradient(total, x), expected, rtol=1e-4, atol=1e-7
    )


def operations(layer, shape, dtype="float32"):
    layer.build(shape)
    graph = tf.function(lambda x: layer(x, training=True))
    concrete = graph.get_concrete_function(tf.TensorSpec(shape, dtype))
    return {operation.type for operation in concrete.graph.get_operations()}


def test_fused_kernel_is_used_for_float32_images_alone():
    fused = "FusedBatchNormV3"
    make = ExactBatchNormalization
    assert fused in operations(make(), IMAGE)
    assert fused in operations(make(dtype="mixed_float16"), IMAGE)
    assert fused not in operations(make(dtype="float64"), IMAGE, "float64")
    assert fused not in operations(make(axis=1), IMAGE)
    assert fused not in operations(make(epsilon=1e-6), IMAGE)
    assert fused not in operations(make(renorm=True), IMAGE)
    assert fused not in operations(make(), SEQUENCE)


def test_single_value_per_channel_gives_finite_statistics():
    layer = ExactBatchNormalization(momentum=0.0)
    outputs = layer(np.full((1, 1, 1, 3), 5.0, "float32"), training=True)
    np.testing.assert_allclose(outputs, np.zeros((1, 1, 1, 3)), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, [5.0] * 3)
    np.testing.assert_allclose(layer.moving_variance, [0.0] * 3)


@pytest.mark.parametrize("kind", PAIRS)
def test_eager_graph_and_xla_agree(kind):
    _, exact = twins(*PAIRS[kind][:2], PAIRS[kind][2], IMAGE)
    x = tf.constant(np.random.default_rng(8).normal(size=IMAGE), tf.float32)
    weights, others = functional.weights_of(exact)
    kwargs = {"training": True} if kind == "batch" else {}

    def run(x):
        return exact.stateless_call(weights, others, x, **kwargs)[0]

    eager = run(x)
    for jit in (False, True):
        compiled = tf.function(run, jit_compile=jit)(x)
        np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", PAIRS)
def test_saved_layer_is_restored(kind, tmp_path):
    _, exact, config = PAIRS[kind]
    model = keras.Sequential(
        [keras.Input(IMAGE[1:]), exact(**config, epsilon=0.01)]
    )
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert type(loaded.layers[0]) is exact
    assert loaded.layers[0].get_config() == model.layers[0].get_config()
    x = np.random.default_rng(8).normal(size=IMAGE)
    np.testing.assert_array_equal(model(x), loaded(x))


def test_synchronized_is_refused():
    with pytest.raises(ValueError, match="synchronized"):
        ExactBatchNormalization(synchronized=True)
