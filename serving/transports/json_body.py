"""The JSON of the REST wire: requests out, tensors in. No TensorFlow."""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from metazoo.serving.signatures import TensorInfo

orjson: Any = None
with contextlib.suppress(ModuleNotFoundError):
    orjson = importlib.import_module("orjson")


def dump_request(
    signature_name: str, inputs: Mapping[str, np.ndarray]
) -> bytes:
    """Writes the body of a `:predict` request, in columns.

    Args:
        signature_name: The signature to run.
        inputs: Wire name -> array; bytes go as base64.

    Returns:
        The body.
    """
    document = {
        "signature_name": signature_name,
        "inputs": {name: _jsonable(value) for name, value in inputs.items()},
    }
    finite = all(_finite(value) for value in inputs.values())
    if orjson is not None and finite:
        return orjson.dumps(
            document, option=orjson.OPT_SERIALIZE_NUMPY, default=_as_lists
        )
    # The standard library also writes the wire's NaN and Infinity tokens.
    return json.dumps(document, default=_as_lists).encode()


def load(data: bytes) -> Any:
    """Reads JSON, with the wire's NaN and Infinity.

    Args:
        data: The body.

    Returns:
        The document.

    Raises:
        ValueError: If it is no JSON.
    """
    if orjson is not None:
        # It refuses NaN and Infinity, which the standard library takes.
        with contextlib.suppress(ValueError):
            return orjson.loads(data)
    return json.loads(data)


_KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}


def to_array(value: Any, info: TensorInfo) -> np.ndarray:
    """Makes an array of the nested lists of an answer.

    Args:
        value: Lists, numbers, strings, or base64 objects.
        info: What the signature says of the tensor.

    Returns:
        The array; of objects that are bytes for a string tensor.

    Raises:
        ValueError: If the values are of another kind, or ragged.
    """
    if info.dtype == "string":
        return np.asarray(_decoded(value), dtype=object)
    found = np.asarray(value)
    dtype = np.dtype(info.dtype)
    if found.size and found.dtype.kind not in _KINDS[dtype.kind]:
        raise ValueError(f"its values are {found.dtype}, not {info.dtype}")
    return found.astype(dtype)


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"], validate=True)
    return str(value).encode()


def _jsonable(value: np.ndarray) -> Any:
    if value.dtype.kind not in "OSU":
        return value
    if value.ndim:
        return [_jsonable(np.asarray(item, value.dtype)) for item in value]
    raw = value.item()
    raw = raw.encode() if isinstance(raw, str) else raw
    return {"b64": base64.b64encode(raw).decode("ascii")}


def _finite(value: np.ndarray) -> bool:
    return value.dtype.kind != "f" or bool(np.isfinite(value).all())


def _as_lists(value: Any) -> Any:
    return value.tolist()
