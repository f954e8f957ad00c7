"""Reads pickles of plain arrays and texts, and nothing that runs code."""

from __future__ import annotations

import io
import os
import pathlib
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from metazoo.errors import DataError

_PLAIN = (str, bytes, int, float, bool, type(None))
_DAMAGED = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    MemoryError,
    OverflowError,
    UnicodeError,
    RecursionError,
)


def load_plain_pickle(path: str | os.PathLike[str]) -> Any:
    """Reads dictionaries, lists, texts, numbers and arrays from a pickle.

    A pickle names functions that Python calls while it reads; here three
    names are known, those with which NumPy restores an array, and every
    other one is refused before anything is called. Pickles of Python 2 are
    read as Latin-1 text.

    Args:
        path: the file.

    Returns:
        What the pickle holds.

    Raises:
        DataError: the file is missing or damaged, or holds something else.
    """
    path = pathlib.Path(path).expanduser()
    if not path.is_file():
        raise DataError(f"No such file: {path}.")
    stream = io.BytesIO(path.read_bytes())
    try:
        return _plain(_PlainUnpickler(stream, encoding="latin1").load())
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except _DAMAGED as error:
        raise DataError(f"{path} can't be read as a pickle: {error}") from error


class _PlainUnpickler(pickle.Unpickler):
    """Knows the names that NumPy writes for an array, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((module, name))
        if known is None:
            raise DataError(
                f"the pickle names {module}.{name}, which is no part of an "
                "array; it is refused, for it could run code"
            )
        return known

    def persistent_load(self, pid: Any) -> Any:
        raise DataError("the pickle refers to objects outside itself")


class _Name:
    """Stands for a function that a pickle names; can't be changed by it."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise DataError(f"the pickle sets {name!r} of a function")

    def __setstate__(self, state: Any) -> None:
        raise DataError("the pickle changes a function")


class _Dtype:
    """A dtype as NumPy writes it: a code, then its byte order.

    NumPy's own restoring believes flags that it finds in the file.
    """

    __slots__ = ("dtype",)

    def __init__(self, code: Any, align: Any = False, copy: Any = True) -> None:
        text = code.decode("latin1") if isinstance(code, bytes) else code
        if not isinstance(text, str) or not _CODE.fullmatch(text):
            raise DataError(f"the pickle has an array of dtype {code!r}")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        order: Any = state[1]
        order = order.decode() if isinstance(order, bytes) else order
        if order not in _ORDERS or any(part is not None for part in state[2:5]):
            raise DataError("the pickle has an array with fields")
        if order in "<>":
            self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """An array as NumPy writes it: shape, dtype and bytes, checked here."""

    __slots__ = ("value",)

    def __init__(self, kind: Any, shape: Any, code: Any) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype):
            raise DataError("the pickle has an array without a dtype")
        if dtype.dtype.kind == "O":
            flat = np.empty(len(data), object)
            flat[:] = [_plain(item) for item in data]
        else:
            if isinstance(data, str):
                data = data.encode("latin1")
            flat = np.frombuffer(data, dtype.dtype)
        self.value = flat.reshape(shape, order="F" if fortran else "C").copy()


def _scalar(dtype: Any, data: Any) -> Any:
    """A NumPy number or text, from its bytes."""
    if isinstance(data, str):
        data = data.encode("latin1")
    if not isinstance(dtype, _Dtype) or dtype.dtype.kind == "O":
        raise DataError("the pickle has a scalar that is no number or text")
    return np.frombuffer(data, dtype.dtype, count=1)[0]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """How Python 3 writes bytes for Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise DataError("the pickle encodes something that is no Latin-1 text")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How Python 3 writes empty bytes for Python 2."""
    return b""


def _no_array(*arguments: Any) -> None:
    raise DataError("the pickle makes an array in an unknown way")


def _plain(value: Any) -> Any:
    """The outcome in plain values, or an error if it has others."""
    if isinstance(value, _Array):
        if value.value is None:
            raise DataError("the pickle has an array without a value")
        return value.value
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, (*_PLAIN, np.generic)):
        return value
    raise DataError(f"the pickle holds a {type(value).__name__}")


_CODE = re.compile(r"[<>|=]?(?:[biuf][1248]|[SUa][0-9]{0,6}|O8?)")
_ORDERS = ("<", ">", "|", "=")
# Only ever handed on to `_Array`.
_ARRAY_CLASS = _Name(_no_array)
_KNOWN = {
    ("numpy", "ndarray"): _ARRAY_CLASS,
    ("numpy", "dtype"): _Name(_Dtype),
    ("_codecs", "encode"): _Name(_encode),
    ("__builtin__", "bytes"): _Name(_no_bytes),
    **{
        (f"numpy.{core}.multiarray", name): _Name(function)
        for core in ("core", "_core")
        for name, function in (("_reconstruct", _Array), ("scalar", _scalar))
    },
}
