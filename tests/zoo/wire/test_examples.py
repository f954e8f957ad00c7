from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.wire.examples import draw_inputs


@pytest.mark.parametrize(
    "dtype", [tf.float32, tf.float16, tf.int32, tf.int64, tf.bool, tf.string]
)
@pytest.mark.parametrize("shape", [[None], [None, None, 2], [None, 3]])
def test_arrays_fit_their_specs(dtype, shape):
    specs = {"a": tf.TensorSpec(shape, dtype, "a")}
    first, again, other = (draw_inputs(specs, 2, s)["a"] for s in (1, 1, 2))
    tensor = tf.constant(first)
    assert specs["a"].is_compatible_with(tensor)
    assert tensor.shape[0] == 2
    np.testing.assert_array_equal(first, again)
    if dtype in (tf.float32, tf.string):
        assert (first != other).any()


def test_strings_are_letters_as_bytes():
    specs = {"text": tf.TensorSpec([None, None], tf.string, "text")}
    (texts,) = draw_inputs(specs, 3, 0, free=2).values()
    assert texts.dtype == object
    assert {type(text) for text in texts.ravel()} == {bytes}
    assert all(text.isalpha() and len(text) == 5 for text in texts.ravel())
