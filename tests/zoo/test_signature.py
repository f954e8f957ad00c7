from __future__ import annotations

import pytest
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.signature import Signature


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (tf.TensorSpec([None, 2], tf.float32), "named None"),
        (tf.TensorSpec([3, 2], tf.float32, name="x"), "must be None"),
        (tf.TensorSpec([], tf.float32, name="x"), "must be None"),
        (tf.TensorSpec(None, tf.float32, name="x"), "must be None"),
    ],
)
def test_signature_refuses_bad_spec(spec, message):
    with pytest.raises(ExportError, match=message):
        Signature("run", {"x": spec}, lambda x: {"y": x}, ("y",), "A test.")


def test_signature_refuses_repeated_output():
    spec = tf.TensorSpec([None], tf.float32, name="x")
    with pytest.raises(ExportError, match="twice"):
        Signature("run", {"x": spec}, lambda x: {"y": x}, ("y", "y"), "")
