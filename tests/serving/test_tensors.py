from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from metazoo.serving.tensors import from_proto, write_content, write_values

ARRAYS = [
    np.arange(6, dtype=dtype).reshape(2, 3)
    for dtype in ("float32", "float64", "float16", "int32", "int64", "uint8")
] + [
    np.array([[True, False]]),
    np.array([b"a", b"\xff"], object),
    np.array(2.5, np.float32),
    np.zeros((2, 0), np.float32),
    np.arange(6, dtype=np.float32).reshape(2, 3).T,
]


@pytest.mark.parametrize("write", [write_content, write_values])
@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_round_trip_keeps_dtype_shape_and_values(write, array):
    proto = tensor_pb2.TensorProto()
    write(proto, array)
    back = from_proto(proto)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)
    np.testing.assert_array_equal(tf.make_ndarray(proto), array)


def test_one_value_fills_a_shape():
    proto = tf.make_tensor_proto(3.0, shape=[2, 2], dtype=tf.float32)
    np.testing.assert_array_equal(from_proto(proto), np.full((2, 2), 3.0))


def test_one_text_fills_a_shape_and_none_is_empty_texts():
    proto = tensor_pb2.TensorProto(dtype=tf.string.as_datatype_enum)
    for size in (2, 3):
        proto.tensor_shape.dim.add().size = size
    assert from_proto(proto).tolist() == [[b""] * 3] * 2
    proto.string_val.extend([b"a", b"\xff\0"])
    assert from_proto(proto).ravel().tolist() == [b"a", *[b"\xff\0"] * 5]


def test_long_text_for_many_places_is_refused():
    proto = tensor_pb2.TensorProto(dtype=tf.string.as_datatype_enum)
    proto.tensor_shape.dim.add().size = 1000
    proto.string_val.append(b"x" * 2**19)
    with pytest.raises(ValueError, match="1 values are to fill"):
        from_proto(proto)


def test_too_many_values_are_refused():
    proto = tensor_pb2.TensorProto()
    write_values(proto, np.zeros(4, np.float32))
    proto.tensor_shape.dim[0].size = 3
    with pytest.raises(ValueError, match="4 values"):
        from_proto(proto)
