"""A backbone that can't be used is refused when the learner is made."""

from __future__ import annotations

import keras
import pytest

import metazoo


class NoShapes(keras.Model):
    """A subclassed model, which knows no shapes."""


def two_inputs():
    inputs = [keras.Input((2,)), keras.Input((3,))]
    return keras.Model(inputs, keras.layers.Concatenate()(inputs))


def feature_map():
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)])


@pytest.mark.parametrize("method", ["ProtoNet", "MAML", "Reptile"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "conv4", "keras.Model; got str"),
        (NoShapes, "wrap it"),
        (keras.Sequential, "wrap it"),
        (two_inputs, "one input"),
        (feature_map, r"\(None, 2, 2, 2\). End it with"),
    ],
)
def test_unusable_backbone_is_refused(method, make, message):
    with pytest.raises(metazoo.MetazooError, match=message):
        getattr(metazoo, method)(make(), num_ways=2)
