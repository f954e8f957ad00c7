"""Second derivatives: exact layers right, Keras's own layers wrong."""

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
    conv4,
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


def make_net(make_layer, dtype="float64", use_bias=True):
    keras.utils.set_random_seed(3)
    inputs = x = keras.Input((8, 8, 2), dtype=dtype)
    for _ in range(2):
        x = keras.layers.Conv2D(
            4, 3, padding="same", use_bias=use_bias, dtype=dtype
        )(x)
        x = make_layer(dtype=dtype)(x)
        x = keras.layers.Activation("softplus", dtype=dtype)(x)
        x = keras.layers.AveragePooling2D(2, dtype=dtype)(x)
    x = keras.layers.Flatten(dtype=dtype)(x)
    return keras.Model(inputs, keras.layers.Dense(3, dtype=dtype)(x))


def make_task(dtype="float64"):
    rng = np.random.default_rng(1)
    x = tf.constant(rng.normal(size=(2, 6, 8, 8, 2)), dtype)
    y = tf.constant(rng.integers(0, 3, size=(2, 6)))
    return x, y


def outer_loss(model, weights, others, task, steps=2, rate=0.5):
    (xs, xq), (ys, yq) = tf.unstack(task[0]), tf.unstack(task[1])

    def loss(weights, x, y):
        logits, _ = functional.call(model, weights, others, x, True)
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
        )

    adapted = functional.inner_sgd(
        lambda w: loss(w, xs, ys), weights, steps, rate, False
    )
    return loss(adapted, xq, yq)


def meta_gradient(model, task):
    weights, others = functional.weights_of(model)

    @tf.function
    def run(weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = outer_loss(model, weights, others, task)
        return tape.gradient(
            loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    return weights, run(weights)


def directional_error(model):
    """Relative error of the meta-gradient along a random direction."""
    task = make_task()
    weights, gradient = meta_gradient(model, task)
    others = functional.weights_of(model)[1]
    rng = np.random.default_rng(7)
    direction = [tf.constant(rng.normal(size=w.shape)) for w in weights]
    along = sum(
        float(tf.reduce_sum(g * d))
        for g, d in zip(gradient, direction, strict=True)
    )

    @tf.function
    def value(step):
        moved = [w + step * d for w, d in zip(weights, direction, strict=True)]
        return outer_loss(model, moved, others, task)

    step = tf.constant(1e-5, tf.float64)
    difference = float((value(step) - value(-step)) / (2 * step))
    return abs(along - difference) / abs(difference)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("batch", {}),
        ("batch", {"axis": 1}),
        ("layer", {}),
        ("layer", {"axis": -1}),
        ("layer", {"rms_scaling": True}),
        ("group", {}),
        ("group", {"groups": -1}),
    ],
)
def test_second_order_of_exact_layer_is_right(kind, options):
    _, exact, config = PAIRS[kind]
    config = {**config, **options}
    model = make_net(lambda dtype: exact(**config, dtype=dtype))
    assert directional_error(model) < 1e-5


@pytest.mark.parametrize("kind", PAIRS)
def test_second_order_of_stock_layer_is_still_wrong(kind):
    """Fails when Keras or TensorFlow mends it: then drop our layers."""
    stock, _, config = PAIRS[kind]
    model = make_net(lambda dtype: stock(**config, dtype=dtype))
    assert directional_error(model) > 1e-4


class WrittenOut(ExactBatchNormalization):
    def _can_fuse(self, inputs, mask):
        return False


def test_fused_equals_written_out_to_second_order():
    task = make_task("float32")
    results = []
    for layer in (ExactBatchNormalization, WrittenOut):
        model = make_net(layer, "float32", use_bias=False)
        weights, gradient = meta_gradient(model, task)
        others = functional.weights_of(model)[1]
        loss = outer_loss(model, weights, others, task)
        results.append((float(loss), gradient))
    (loss, fused), (reference_loss, written) = results
    assert loss == pytest.approx(reference_loss, rel=1e-5)
    scale = max(float(tf.norm(g)) for g in written)
    for a, b in zip(fused, written, strict=True):
        assert float(tf.norm(a - b)) < 1e-3 * max(
            float(tf.norm(b)), 1e-3 * scale
        )


@pytest.mark.parametrize("use_bias", [False, True])
def test_kernel_is_fused_only_without_a_bias_before(use_bias):
    model = make_net(ExactBatchNormalization, "float32", use_bias)
    x = tf.zeros((2, 8, 8, 4))
    for layer in model.layers:
        if isinstance(layer, ExactBatchNormalization):
            assert layer._can_fuse(x, None) is not use_bias
    alone = ExactBatchNormalization()
    assert alone._can_fuse(x, None)


def test_second_order_behind_a_bias_makes_a_graph_every_time():
    task = make_task("float32")
    model = make_net(ExactBatchNormalization, "float32")
    for _ in range(6):
        _, gradient = meta_gradient(model, task)
        assert all(np.isfinite(part).all() for part in gradient)


def task_gradients(model, weights, others):
    """Loss, meta-gradient and query logits of one task."""

    def fn(task, index):
        support_x, support_y, query_x, query_y = task
        state = functional.fold_task(model, others, index)

        def loss(w, x, y):
            logits, _ = functional.call(model, w, state, x, True)
            terms = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            return tf.reduce_mean(terms), logits

        with tf.GradientTape() as tape:
            tape.watch(weights)
            adapted = functional.inner_sgd(
                lambda w: loss(w, support_x, support_y)[0],
                weights,
                2,
                0.1,
                False,
            )
            total, logits = loss(adapted, query_x, query_y)
        return (total, tape.gradient(total, weights)), logits

    return fn


@pytest.mark.parametrize("tasks_per_chunk", [1, 2])
def test_meta_gradient_of_conv4_equals_python_loop(tasks_per_chunk):
    keras.utils.set_random_seed(0)
    net = conv4((16, 16, 1), filters=4)
    x = keras.layers.Dropout(0.3)(net.output)
    model = keras.Model(net.input, keras.layers.Dense(3)(x))
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=(4, 6, 16, 16, 1)), tf.float32)
    labels = tf.constant(np.tile([0, 1, 2, 0, 1, 2], (4, 1)))
    tasks = (images, labels, images[::-1], labels)
    weights, others = functional.weights_of(model)
    fn = task_gradients(model, weights, others)

    @tf.function
    def loop():
        return functional.accumulate_over_tasks(
            fn,
            tasks,
            like=(tf.TensorSpec([]), weights),
            collect=tf.TensorSpec([6, 3]),
            tasks_per_chunk=tasks_per_chunk,
        )

    (loss, gradient), logits = loop()
    rows = [fn([t[i] for t in tasks], i) for i in range(4)]
    assert float(loss) == pytest.approx(
        sum(float(row[0][0]) for row in rows), rel=1e-5
    )
    np.testing.assert_allclose(
        logits, [row[1] for row in rows], rtol=1e-3, atol=1e-4
    )
    expected = [sum(g) for g in zip(*[r[0][1] for r in rows], strict=True)]
    for got, want in zip(gradient, expected, strict=True):
        scale = float(tf.reduce_max(tf.abs(want)))
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3 * scale)
