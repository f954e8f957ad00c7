"""Layers of a PixelCNN: what a masked convolution sees, ink, enlarging."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.layers import Binarize, MaskedConv2D, SubPixel


@pytest.mark.parametrize("mask", ["A", "B"])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_output_sees_no_later_pixel(mask, size):
    layer = MaskedConv2D(2, size, mask=mask)
    x = tf.random.stateless_normal([1, 5, 6, 3], seed=[1, size])
    layer.build(x.shape)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(layer(x), -1)
    # [row, column] of the output by [row, column] of the input.
    seen = tf.reduce_sum(tf.abs(tape.jacobian(y, x)), -1)[0, :, :, 0]
    seen = seen.numpy().reshape(30, 30)
    later = np.triu(np.ones((30, 30)), 0 if mask == "A" else 1).astype(bool)
    assert (seen[later] == 0).all()
    assert layer.rows_above == size // 2
    if size > 1:
        assert (seen[6:].sum(1) > 0).all()
    if mask == "B":
        assert (np.diag(seen) > 0).all()


def test_masked_convolution_refuses_what_it_cannot_mask():
    with pytest.raises(ValueError, match="mask"):
        MaskedConv2D(2, 3, mask="C")
    with pytest.raises(ValueError, match="odd"):
        MaskedConv2D(2, 4)


def test_layers_survive_their_config(tmp_path):
    inputs = keras.Input((4, 4, 1), name="images")
    x = Binarize(99.0, name="ink")(inputs)
    x = MaskedConv2D(4, 3, mask="A", name="masked")(x)
    model = keras.Model(inputs, SubPixel(name="larger")(x))
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 1))
    np.testing.assert_array_equal(copy(x), model(x))
    assert model.output_shape == (None, 8, 8, 1)
    assert copy.get_layer("masked").mask == "A"


def test_binarize_makes_dark_pixels_one():
    found = Binarize()(tf.constant([[0.0, 127.0, 128.0, 255.0]]))
    np.testing.assert_array_equal(found, [[1, 1, 0, 0]])
