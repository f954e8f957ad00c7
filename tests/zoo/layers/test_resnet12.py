"""ResNet-12 backbone."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.layers import require_exact, resnet12


def test_default_has_640_features_and_published_size():
    model = resnet12()
    assert model.output_shape == (None, 640)
    kernels = 0
    channels = 3
    for filters in (64, 160, 320, 640):
        kernels += 9 * channels * filters + 18 * filters**2
        kernels += channels * filters + 4 * 2 * filters
        channels = filters
    count = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert count == kernels
    require_exact(model)


def test_flatten_keeps_positions():
    model = resnet12((84, 84, 3), (4, 4, 4, 8), pooling="flatten")
    assert model.output_shape == (None, 5 * 5 * 8)


def test_block_equals_published_order():
    model = resnet12((8, 8, 2), (3,), rescaling=(2.0, 0.5))
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 2)).astype("float32")

    def convolve(x, prefix):
        x = model.get_layer(f"block1_{prefix}_conv")(x)
        return model.get_layer(f"block1_{prefix}_norm")(x)

    def relu(x):
        return keras.ops.leaky_relu(x, 0.1)

    y = x * 2.0 + 0.5
    out = relu(convolve(y, "1"))
    out = convolve(relu(convolve(out, "2")), "3")
    out = keras.ops.max_pool(relu(out + convolve(y, "shortcut")), 2)
    np.testing.assert_allclose(
        model(x), keras.ops.mean(out, axis=(1, 2)), rtol=1e-5, atol=1e-6
    )


def test_small_image_is_refused():
    with pytest.raises(ValueError, match="input_shape"):
        resnet12((8, 8, 3))


def test_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="pooling"):
        resnet12(pooling="max")
