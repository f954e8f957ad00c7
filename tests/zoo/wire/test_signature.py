from __future__ import annotations

import pytest
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.wire.signature import Signature


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
        Signature("run", {"x": spec}, lambda x: {"y": x}, ("y", "z"), "A test.")


def test_signature_refuses_repeated_output():
    spec = tf.TensorSpec([None], tf.float32, name="x")
    with pytest.raises(ExportError, match="twice"):
        Signature("run", {"x": spec}, lambda x: {"y": x}, ("y", "y"), "")


def test_signature_of_one_output_is_refused():
    spec = tf.TensorSpec([None], tf.float32, name="x")
    with pytest.raises(ExportError, match="two or more"):
        Signature("run", {"x": spec}, lambda x: {"y": x}, ("y",), "")


def test_docs_of_an_unknown_tensor_are_refused():
    spec = tf.TensorSpec([None], tf.float32, name="x")
    with pytest.raises(ExportError, match=r"docs name \['w'\]"):
        Signature(
            *("run", {"x": spec}, lambda x: {}, ("y", "z"), ""),
            docs={"x": "in", "w": "nowhere"},
        )


def test_masking_without_support_is_refused():
    spec = tf.TensorSpec([None], tf.float32, name="x")
    with pytest.raises(ExportError, match="no input 'support_y'"):
        Signature(
            *("run", {"x": spec}, lambda x: {}, ("y", "z"), ""),
            masks_support=True,
        )
