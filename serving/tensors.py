"""NumPy arrays to TensorProto and back, in both of its encodings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

VALUE_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int32": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
}

# A proto may hold one value for a whole shape: a few bytes that ask for any
# amount of memory.
LARGEST_REPEAT_BYTES = 1 << 28


def write_content(proto: Any, array: np.ndarray) -> None:
    """Encodes an array as raw bytes (`tensor_content`), the fast form.

    Args:
        proto: The TensorProto to fill; filling in place saves a copy.
        array: Of any numeric dtype, or of bytes.
    """
    if array.dtype.name not in VALUE_FIELDS:
        proto.CopyFrom(tf.make_tensor_proto(array))
        return
    _write_header(proto, array)
    proto.tensor_content = array.tobytes()


def write_values(proto: Any, array: np.ndarray) -> None:
    """Encodes an array in typed fields (`float_val` ...).

    This is how TensorFlow Serving answers unless it is told otherwise.

    Args:
        proto: The TensorProto to fill.
        array: Of any numeric dtype, or of bytes.
    """
    field = VALUE_FIELDS.get(array.dtype.name)
    if field is None:
        proto.CopyFrom(tf.make_tensor_proto(array))
        return
    _write_header(proto, array)
    getattr(proto, field).extend(array.ravel().tolist())


def _write_header(proto: Any, array: np.ndarray) -> None:
    proto.dtype = tf.as_dtype(array.dtype).as_datatype_enum
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size


def from_proto(proto: Any) -> np.ndarray:
    """Decodes a TensorProto, whichever encoding it uses.

    Args:
        proto: The TensorProto.

    Returns:
        The array; it may be a read-only view of the message.

    Raises:
        ValueError: If the values do not fill the shape.
    """
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError("the shape is not fully known")
    dtype = _numpy_dtype(proto.dtype)
    if proto.tensor_content:
        flat = np.frombuffer(proto.tensor_content, dtype=dtype)
        return flat.reshape(shape)
    field = VALUE_FIELDS.get(np.dtype(dtype).name)
    size = math.prod(shape)
    if field is None:
        return _strings_or_others(proto, np.dtype(dtype).itemsize, size)
    values = np.array(getattr(proto, field), dtype=dtype)
    if len(values) == size:
        return values.reshape(shape)
    _check_repeat(size, values.itemsize, len(values))
    return _repeated(proto)


def _strings_or_others(proto: Any, itemsize: int, size: int) -> np.ndarray:
    texts = proto.string_val
    if texts:
        # A runtime copies a string for every place that it is repeated at.
        itemsize += len(texts[-1])
    _check_repeat(size, itemsize, len(texts))
    array = _repeated(proto)
    if array.dtype == object and not texts:
        array[...] = b""
    return array


def _repeated(proto: Any) -> np.ndarray:
    try:
        return tf.make_ndarray(proto)
    except (OverflowError, TypeError) as error:
        raise ValueError(str(error)) from error


def _numpy_dtype(number: int) -> Any:
    try:
        return tf.as_dtype(number).as_numpy_dtype
    except KeyError as error:
        raise ValueError(f"no array holds the dtype {number}") from error


def _check_repeat(size: int, itemsize: int, given: int) -> None:
    if given > size:
        raise ValueError(f"{given} values do not fill a shape of {size}")
    if given != size and size * itemsize > LARGEST_REPEAT_BYTES:
        raise ValueError(f"{given} values are to fill a shape of {size}")
