"""Conv4 backbone."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.layers import conv4


@pytest.mark.parametrize(
    ("options", "features"),
    [
        ({}, 64),
        ({"input_shape": (84, 84, 3), "filters": 32}, 800),
        ({"downsampling": "stride", "pooling": "average"}, 64),
        ({"downsampling": "stride"}, 256),
        ({"normalization": "layer", "use_bias": True}, 64),
        ({"normalization": "group", "filters": 48}, 48),
        ({"normalization": "none"}, 64),
    ],
)
def test_output_is_examples_by_features(options, features):
    assert conv4(**options).output_shape == (None, features)


def test_layer_names_are_fixed():
    names = [layer.name for layer in conv4(rescaling=(1 / 255, 0.0)).layers]
    assert names[:6] == [
        "images",
        "rescaling",
        "block1_conv",
        "block1_norm",
        "block1_pool",
        "block1_relu",
    ]
    assert conv4().name == "conv4"


def test_conv4_weights_have_the_published_count():
    # 3x3 kernels without bias, gamma and beta of four blocks.
    expected = 9 * 64 + 3 * 9 * 64 * 64 + 4 * 2 * 64
    model = conv4()
    count = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert count == expected


def test_pool_before_relu_equals_pool_after():
    model = conv4(filters=4)
    images = np.random.default_rng(0).normal(size=(3, 28, 28, 1))
    x = images.astype("float32")
    for block in range(1, 5):
        x = model.get_layer(f"block{block}_conv")(x)
        x = model.get_layer(f"block{block}_norm")(x, training=False)
        x = keras.ops.max_pool(keras.ops.relu(x), 2)
    got = model(images, training=False)
    np.testing.assert_allclose(got, keras.ops.reshape(x, (3, -1)), rtol=1e-6)


def test_rescaling_maps_ink_to_one():
    layer = conv4(rescaling=(-1 / 255, 1.0)).get_layer("rescaling")
    got = layer(np.array([0.0, 255.0], "float32"))
    np.testing.assert_allclose(got, [1.0, 0.0], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"downsampling": "pool"}, "downsampling"),
        ({"pooling": "max"}, "pooling"),
        ({"normalization": "instance"}, "normalization"),
        ({"input_shape": (8, 8, 1)}, "input_shape"),
    ],
)
def test_bad_option_is_refused_by_name(options, match):
    with pytest.raises(ValueError, match=match):
        conv4(**options)


def test_saved_model_loads_without_custom_objects(tmp_path):
    model = conv4(filters=4, rescaling=(1 / 255, 0.0))
    path = tmp_path / "conv4.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    x = np.random.default_rng(0).uniform(0, 255, (2, 28, 28, 1))
    np.testing.assert_array_equal(model(x), loaded(x))
