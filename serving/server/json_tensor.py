"""The JSON of predict: rows or columns to arrays, and back."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from metazoo.serving.server import json_numbers
from metazoo.serving.server.core import check_names
from metazoo.serving.signatures import SignatureInfo, TensorInfo
from metazoo.serving.status import StatusError, invalid

_TYPES: dict[str, set[type]] = {
    "f": {int, float},
    "i": {int},
    "u": {int},
    "b": {bool},
}

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

# JSON has no way to write these; the real server does not read them either.
UNREADABLE = ("float16", "bfloat16", "uint16", "complex64", "complex128")


@dataclass(frozen=True)
class PredictBody:
    """A predict request before its arrays are made.

    Attributes:
        signature: Name of the signature; empty for the default.
        rows: Whether it came as `instances`.
        value: What stood under `instances` or `inputs`.
    """

    signature: str
    rows: bool
    value: Any


def parse_body(body: bytes) -> PredictBody:
    """Reads the body of a predict request.

    Raises:
        StatusError: INVALID_ARGUMENT for anything but one of the two forms.
    """
    document = _load(body)
    if not isinstance(document, dict):
        raise invalid("Request body must be a JSON object.")
    signature = document.get("signature_name", "")
    if not isinstance(signature, str):
        raise invalid("'signature_name' key must be a string value.")
    rows, columns = "instances" in document, "inputs" in document
    if rows == columns:
        raise invalid(
            "Request body must have exactly one of 'instances' and 'inputs'."
        )
    value = document["instances" if rows else "inputs"]
    if rows and not isinstance(value, list | np.ndarray):
        raise invalid("Key 'instances' must be a list.")
    if value is None or (isinstance(value, list | dict) and not value):
        raise invalid(
            f"Value of {'instances' if rows else 'inputs'!r} must not be empty."
        )
    return PredictBody(signature, rows, value)


def _load(body: bytes) -> Any:
    if not body.strip():
        raise invalid("JSON Parse error: The document is empty")
    try:
        return json_numbers.load(body)
    except orjson.JSONDecodeError as error:
        # These tokens are legal on this wire. Other faults need no second
        # reader: it is slow, and no other thread runs meanwhile.
        if b"NaN" not in body and b"Infinity" not in body:
            raise invalid(f"JSON Parse error: {error}") from error
    try:
        document = json.loads(body)
        if _SURROGATE.search(body):
            # Half a character can be read, and not be written in an answer.
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from error
    return document


def decode(
    body: PredictBody, signature: SignatureInfo
) -> dict[str, np.ndarray]:
    """Makes the arrays of a request.

    Args:
        body: The parsed request.
        signature: What they must be.

    Returns:
        Wire name -> array.

    Raises:
        StatusError: INVALID_ARGUMENT that names the tensor.
    """
    values = (
        _rows(body.value, signature)
        if body.rows
        else _columns(body.value, signature)
    )
    return {
        name: to_array(values[name], info)
        for name, info in signature.inputs.items()
    }


def _rows(instances: list[Any], signature: SignatureInfo) -> dict[str, Any]:
    names = set(signature.inputs)
    objects = all(isinstance(row, dict) for row in instances)
    if len(names) == 1:
        (name,) = names
        if objects and all(set(row) == names for row in instances):
            return {name: [row[name] for row in instances]}
        return {name: instances}
    if not objects:
        raise invalid(
            "Every element of 'instances' must be an object with the keys "
            f"{sorted(names)}."
        )
    for index, row in enumerate(instances):
        if set(row) != names:
            raise invalid(
                f"instances[{index}] has the keys {sorted(row)}; expected "
                f"exactly {sorted(names)}."
            )
    return {name: [row[name] for row in instances] for name in names}


def _columns(inputs: Any, signature: SignatureInfo) -> dict[str, Any]:
    names = set(signature.inputs)
    named = isinstance(inputs, dict) and set(inputs) != {"b64"}
    if len(names) == 1 and not named:
        (name,) = names
        return {name: inputs}
    if not named:
        raise invalid(
            f"'inputs' must be an object with the keys {sorted(names)}."
        )
    # Extra names are ignored here, as the real server does.
    known = {name: inputs[name] for name in names if name in inputs}
    check_names(signature, known)
    return known


def to_array(value: Any, info: TensorInfo) -> np.ndarray:
    """Makes one array from nested lists.

    Args:
        value: Nested lists of JSON values.
        info: The tensor wanted.

    Raises:
        StatusError: INVALID_ARGUMENT for ragged lists or other types,
            UNIMPLEMENTED for dtypes that JSON can't carry.
    """
    if info.dtype in UNREADABLE:
        raise StatusError(
            "UNIMPLEMENTED",
            f"input tensor {info.name!r}: {info.dtype} can't be read from JSON",
        )
    if info.dtype == "string":
        return _bytes_array(value, info)
    array = _numbers(value, info)
    wanted = np.dtype(info.dtype)
    if array.size and not _same_kind(array.dtype, wanted):
        raise _wrong_type(info)
    if wanted.kind in "iu" and array.size:
        limits = np.iinfo(wanted)
        if array.min() < limits.min or array.max() > limits.max:
            raise invalid(
                f"input tensor {info.name!r}: a value is out of the range of "
                f"{info.dtype}"
            )
    with np.errstate(over="ignore"):
        return array.astype(wanted)


def _numbers(value: Any, info: TensorInfo) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list) and any(
        isinstance(row, np.ndarray) for row in value
    ):
        rows = [_numbers(row, info) for row in value]
        if len({row.shape for row in rows}) > 1:
            raise _ragged(info)
        return np.stack(rows)
    # Left to itself, NumPy makes a number of `true` among numbers.
    objects = np.asarray(value, object).ravel()
    types = set(map(type, objects.tolist()))
    if list in types:
        raise _ragged(info)
    if not types <= _TYPES.get(np.dtype(info.dtype).kind, set()):
        raise _wrong_type(info)
    return np.asarray(value)


def _ragged(info: TensorInfo) -> StatusError:
    return invalid(
        f"input tensor {info.name!r}: the lists are ragged or nested too deep"
    )


def _wrong_type(info: TensorInfo) -> StatusError:
    return invalid(
        f"input tensor {info.name!r}: the values are not all of the type "
        f"{info.dtype}"
    )


def _same_kind(got: np.dtype, wanted: np.dtype) -> bool:
    if wanted.kind == "f":
        return got.kind in "fiu"
    if wanted.kind in "iu":
        return got.kind in "iu"
    return got.kind == wanted.kind


def _bytes_array(value: Any, info: TensorInfo) -> np.ndarray:
    def convert(item: Any) -> Any:
        if isinstance(item, list):
            return [convert(inner) for inner in item]
        if isinstance(item, str):
            return item.encode()
        if isinstance(item, dict) and set(item) == {"b64"}:
            return _from_base64(item["b64"], info.name)
        raise invalid(
            f"input tensor {info.name!r}: expected strings or "
            '{"b64": "..."} objects'
        )

    try:
        nested = convert(value)
    except RecursionError as error:
        raise invalid(
            f"input tensor {info.name!r} is nested too deep"
        ) from error
    shape = _shape(nested)
    if info.shape is not None and len(shape) != len(info.shape):
        raise invalid(
            f"input tensor {info.name!r} has {len(shape)} axes; expected "
            f"{len(info.shape)}"
        )
    # Flat first: a shape read off the first elements may be any size.
    flat = list(_flatten(nested, shape, info.name))
    array = np.empty(len(flat), dtype=object)
    array[:] = flat
    return array.reshape(shape)


def _flatten(nested: Any, shape: tuple[int, ...], name: str) -> Iterator[bytes]:
    if isinstance(nested, list) != bool(shape) or (
        shape and len(nested) != shape[0]
    ):
        raise invalid(f"input tensor {name!r} is ragged")
    if not shape:
        yield nested
        return
    for item in nested:
        yield from _flatten(item, shape[1:], name)


def _shape(nested: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(nested, list):
        shape.append(len(nested))
        if not nested:
            break
        nested = nested[0]
    return tuple(shape)


def _from_base64(text: Any, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise invalid(
            f"input tensor {name!r}: not valid base64: {error}"
        ) from error


def encode(outputs: Mapping[str, np.ndarray], rows: bool) -> bytes:
    """Writes an answer in the form of its request.

    Args:
        outputs: Wire name -> array.
        rows: Whether the request came as `instances`.

    Raises:
        StatusError: INVALID_ARGUMENT if outputs do not fit rows.
    """
    ready = {name: _encodable(name, v) for name, v in outputs.items()}
    if rows:
        document = {"predictions": _as_rows(ready)}
    elif len(ready) == 1:
        document = {"outputs": next(iter(ready.values()))}
    else:
        document = {"outputs": ready}
    return _dump(document, outputs)


def _as_rows(outputs: Mapping[str, Any]) -> Any:
    arrays = {name: np.asarray(value) for name, value in outputs.items()}
    sizes = {
        value.shape[0] if value.ndim else None for value in arrays.values()
    }
    if len(sizes) != 1 or None in sizes:
        raise invalid(
            "the outputs have no common first axis, so they can't be "
            "returned as rows; use 'inputs' instead of 'instances'"
        )
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    size = len(next(iter(arrays.values())))
    return [
        {name: value[row] for name, value in outputs.items()}
        for row in range(size)
    ]


def _encodable(name: str, value: np.ndarray) -> Any:
    if value.dtype.kind in "OSU":
        return _strings(name, value.tolist())
    if value.dtype.name in ("bfloat16", "float16"):
        value = value.astype(np.float32)
    return np.ascontiguousarray(value) if value.ndim else value.item()


def _strings(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_strings(name, item) for item in value]
    if name.endswith("_bytes"):
        return {"b64": base64.b64encode(value).decode()}
    return value.decode("utf-8", "replace")


def _dump(document: Any, outputs: Mapping[str, np.ndarray]) -> bytes:
    floats = [v for v in outputs.values() if v.dtype.kind == "f"]
    if all(np.isfinite(value).all() for value in floats):
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    # orjson would write null; the wire has the tokens NaN and Infinity.
    return json.dumps(document, default=lambda item: item.tolist()).encode()
