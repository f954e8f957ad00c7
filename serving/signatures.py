"""Wire names and tensor descriptions that both ends share; no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

ADAPT_PREDICT = "adapt_predict"
ADAPT = "adapt"
PREDICT = "predict"
SERVING_DEFAULT = "serving_default"
# Ends of the names of further forms of a signature.
PADDED = "_padded"
BYTES = "_bytes"
# Input of a padded form: how many examples of each task are real.
SUPPORT_SIZE = "support_size"
# Input that numbers a draw; no output is wider for a larger one.
SEED = "seed"
INIT_OP = "__saved_model_init_op"

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
INFO_FILE = "assets.extra/metazoo.json"


@dataclass(frozen=True)
class TensorInfo:
    """What one named tensor of a signature looks like.

    Attributes:
        name: Wire name.
        dtype: NumPy name of the dtype, such as `float32`; `string` for bytes.
        shape: One entry an axis, None where any size will do; None where
            even the rank is unknown.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def problem(self, value: np.ndarray) -> str | None:
        """Says what keeps an array from being this tensor.

        Args:
            value: The array that came.

        Returns:
            A message that names the tensor, or None if it fits.
        """
        dtype = dtype_name(value)
        if dtype != self.dtype:
            return (
                f"input tensor {self.name!r} has dtype {dtype}; "
                f"expected {self.dtype}"
            )
        if not self.shape_fits(value.shape):
            return (
                f"input tensor {self.name!r} has shape "
                f"{shape_text(value.shape)}; expected {shape_text(self.shape)}"
            )
        if 0 in value.shape:
            return (
                f"input tensor {self.name!r} is empty: its shape is "
                f"{shape_text(value.shape)}"
            )
        return None

    def shape_fits(self, shape: Sequence[int]) -> bool:
        """Whether an array of this shape can be the tensor."""
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            want is None or want == got
            for want, got in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True)
class SignatureInfo:
    """The inputs and outputs of one signature, by wire name."""

    name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


def dtype_name(value: np.ndarray) -> str:
    """Names the dtype of an array as `TensorInfo` does."""
    return "string" if value.dtype.kind in "OSU" else value.dtype.name


def shape_text(shape: Sequence[int | None] | None) -> str:
    """Writes a shape for people: `[?,5,28,28,1]`."""
    if shape is None:
        return "of any rank"
    return "[" + ",".join("?" if d is None else str(d) for d in shape) + "]"


# Wire name -> (enum name such as `DT_FLOAT`, dims with -1 for any size).
WireTensors = dict[str, tuple[str, Sequence[int] | None]]


def tensor_infos(tensors: WireTensors) -> dict[str, TensorInfo]:
    """Builds infos from wire metadata, where -1 means any size.

    Args:
        tensors: The wire description.

    Returns:
        Wire name -> info, in the order given.
    """
    infos = {}
    for name, (enum_name, dims) in tensors.items():
        shape = None
        if dims is not None:
            shape = tuple(None if d < 0 else int(d) for d in dims)
        infos[name] = TensorInfo(name, numpy_name(enum_name), shape)
    return infos


_NUMPY_NAMES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_HALF": "float16",
    "DT_BOOL": "bool",
    "DT_STRING": "string",
}


def numpy_name(enum_name: str) -> str:
    """Translates a TensorFlow enum name, `DT_INT64` -> `int64`."""
    known = _NUMPY_NAMES.get(enum_name)
    return known or enum_name.removeprefix("DT_").lower()


def signature_info(
    name: str, inputs: WireTensors, outputs: WireTensors
) -> SignatureInfo:
    """Builds a `SignatureInfo` from two wire descriptions."""
    return SignatureInfo(name, tensor_infos(inputs), tensor_infos(outputs))
