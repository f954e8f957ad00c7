"""Converter to exact normalisation and the guard in front of it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from metazoo.errors import SecondOrderError
from metazoo.layers import (
    ExactBatchNormalization,
    require_exact,
    stock_normalisation_layers,
    to_exact,
)


def randomise(model):
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(0.2, 0.8, weight.shape))


def make_nested():
    inner = keras.Sequential(
        [layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)],
        name="inner",
    )
    group_in = keras.Input((4,))
    group = keras.Model(
        group_in, layers.GroupNormalization(2)(group_in), name="group"
    )
    inputs = keras.Input((6, 3))
    x = layers.TimeDistributed(layers.LayerNormalization(), name="wrapped")(
        inputs
    )
    x = group(inner(layers.Flatten()(x)))
    return keras.Model(inputs, layers.Dense(2)(x), name="outer")


def assert_same_variables(model, clone):
    for old, new in zip(model.variables, clone.variables, strict=True):
        np.testing.assert_array_equal(old, new)
        assert old.trainable == new.trainable
        assert old is not new


def names(model):
    return [layer.name for layer in model._flatten_layers()]


def flags(model):
    return [layer.trainable for layer in model._flatten_layers()]


def test_nested_model_is_converted_with_values_names_and_flags():
    model = make_nested()
    randomise(model)
    model.get_layer("inner").layers[0].trainable = False
    model.get_layer("group").trainable = False
    assert len(stock_normalisation_layers(model)) == 3
    clone = to_exact(model)
    assert stock_normalisation_layers(clone) == []
    assert names(clone) == names(model)
    assert flags(clone) == flags(model)
    assert_same_variables(model, clone)
    x = np.random.default_rng(1).normal(size=(5, 6, 3)).astype("float32")
    for training in (False, True):
        np.testing.assert_allclose(
            model(x, training=training),
            clone(x, training=training),
            rtol=1e-4,
            atol=1e-5,
        )


def test_mobilenet_is_converted():
    model = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, include_top=False, weights=None
    )
    randomise(model)
    clone = to_exact(model)
    require_exact(clone)
    assert len(stock_normalisation_layers(model)) == 52
    assert names(clone) == names(model)
    assert_same_variables(model, clone)
    x = np.random.default_rng(1).normal(size=(2, 32, 32, 3))
    np.testing.assert_allclose(model(x), clone(x), rtol=1e-6)


def test_compiled_model_is_converted_and_not_compiled():
    model = make_nested()
    model.compile("adam", "mse")
    x = np.zeros((2, 6, 3), "float32")
    model.fit(x, np.zeros((2, 2)), verbose=0)
    clone = to_exact(model)
    assert not clone.compiled
    np.testing.assert_array_equal(model(x), clone(x))


def test_shared_layer_stays_shared():
    shared = layers.BatchNormalization()
    inputs = keras.Input((3,))
    model = keras.Model(inputs, shared(layers.Dense(3)(shared(inputs))))
    clone = to_exact(model)
    assert len(clone.weights) == len(model.weights) == 6


def test_exact_model_is_copied():
    model = keras.Sequential([keras.Input((3,)), ExactBatchNormalization()])
    assert_same_variables(model, to_exact(model))


def test_require_exact_names_layer_and_remedy():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.LayerNormalization(name="ln")(inputs))
    with pytest.raises(SecondOrderError, match=r"ln \(.*to_exact\(model\)"):
        require_exact(model)


def test_frozen_batch_normalisation_is_allowed():
    layer = layers.BatchNormalization()
    layer.trainable = False
    require_exact(keras.Sequential([keras.Input((3,)), layer]))


def test_subclass_that_says_it_is_exact_is_allowed():
    class Own(layers.LayerNormalization):
        exact_second_order = True

    class Other(layers.LayerNormalization):
        pass

    require_exact(keras.Sequential([keras.Input((3,)), Own()]))
    with pytest.raises(SecondOrderError, match="Other"):
        require_exact(keras.Sequential([keras.Input((3,)), Other()]))


@pytest.mark.parametrize("op", ["moments", "layer_normalization"])
def test_stock_operation_in_graph_is_refused(op):
    inputs = keras.Input((3,))
    if op == "moments":
        outputs = inputs - keras.ops.moments(inputs, [1], keepdims=True)[0]
    else:
        outputs = keras.ops.layer_normalization(inputs)
    model = keras.Model(inputs, outputs)
    with pytest.raises(SecondOrderError):
        require_exact(model)
    with pytest.raises(SecondOrderError, match="can't be replaced"):
        to_exact(model)


class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.BatchNormalization(name="own_norm")

    def call(self, x, training=None):
        return self.norm(x, training=training)


class NeedsArgument(Subclassed):
    def __init__(self, width):
        super().__init__()


def test_subclassed_model_with_own_stock_layer_is_refused():
    model = Subclassed()
    model(np.zeros((2, 3), "float32"))
    with pytest.raises(SecondOrderError, match="own_norm.*own code"):
        to_exact(model)


def test_subclassed_model_without_config_is_refused():
    model = NeedsArgument(3)
    model(np.zeros((2, 3), "float32"))
    with pytest.raises(SecondOrderError, match="can't be rebuilt"):
        to_exact(model)


def test_model_that_is_not_built_stays_so():
    model = keras.Sequential([layers.Dense(2), layers.BatchNormalization()])
    clone = to_exact(model)
    assert not clone.built
    require_exact(clone)
