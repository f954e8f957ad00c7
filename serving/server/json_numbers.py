"""Large nested lists of numbers, read from JSON text without the lists.

One Python list for each pixel is what makes JSON slow. Here the text of a
tensor is checked to be a regular nesting by its brackets and commas alone,
then read as one flat list. Whatever is not such a tensor stays in the
document, for the ordinary way and its error messages.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

# Shorter texts are faster the ordinary way.
SHORTEST = 256
# As many as thousands of rows of named tensors have; more are strings.
MOST_QUOTES = 50_000

_WHITESPACE = b" \t\n\r"
_NUMERALS = b"0123456789+-.eE"
_FLATTEN = bytes.maketrans(b"[]", b"  ")
_OPEN, _CLOSE, _COMMA = b"[],"
_SECRET = secrets.token_hex(16)


def load(body: bytes) -> Any:
    """Reads a predict request; its large tensors come as arrays.

    Args:
        body: JSON text.

    Returns:
        What `orjson.loads` returns, but that under `inputs` and `instances`
        there may be arrays of float64, int64 or uint64 in place of nested
        lists.

    Raises:
        orjson.JSONDecodeError: If it is no JSON.
    """
    # After a backslash, a quote need not be the end of a string.
    if len(body) < SHORTEST or b"\\" in body:
        return orjson.loads(body)
    if body.count(b'"') > MOST_QUOTES:
        return orjson.loads(body)
    pieces = body.split(b'"')
    arrays = _cut_out(pieces)
    if not arrays:
        return orjson.loads(body)
    document = orjson.loads(b'"'.join(pieces))
    return document if _put_in(document, arrays) else orjson.loads(body)


def _cut_out(pieces: list[bytes]) -> dict[str, np.ndarray]:
    """Puts a name in place of every large tensor outside of strings."""
    arrays: dict[str, np.ndarray] = {}
    for index in range(0, len(pieces), 2):
        piece = pieces[index]
        if len(piece) < SHORTEST:
            continue
        start, end = piece.find(b"["), piece.find(b"}")
        stop = piece.rfind(b"]", 0, end if end >= 0 else len(piece)) + 1
        array = parse(piece[start:stop]) if 0 <= start < stop else None
        if array is not None:
            name = f"{_SECRET}-{index}"
            arrays[name] = array
            quoted = b'"' + name.encode() + b'"'
            pieces[index] = piece[:start] + quoted + piece[stop:]
    return arrays


def _put_in(document: Any, arrays: dict[str, np.ndarray]) -> bool:
    """Replaces the names by their tensors; says whether it found all."""
    found = 0
    for container, place in _places(document):
        value = container[place]
        if isinstance(value, str) and value in arrays:
            container[place] = arrays[value]
            found += 1
    return found == len(arrays)


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Where a request holds tensors: (container, key or index)."""
    if not isinstance(document, dict):
        return
    for key in ("inputs", "instances"):
        value = document.get(key)
        rows = value if isinstance(value, list) else [value]
        yield from ((document, key),) if key in document else ()
        for row in rows:
            if isinstance(row, dict):
                yield from ((row, name) for name in row)


def parse(text: bytes) -> np.ndarray | None:
    """Reads one tensor.

    Args:
        text: From the first bracket to the last.

    Returns:
        The array; None if this is no regular nesting of numbers.
    """
    skeleton = text.translate(None, _WHITESPACE + _NUMERALS)
    shape = _shape(skeleton)
    if shape is None or not _numbers_in_place(text):
        return None
    try:
        flat = orjson.loads(b"[" + text.translate(_FLATTEN) + b"]")
    except orjson.JSONDecodeError:
        return None
    if any(mark in text for mark in (b".", b"e", b"E")):
        values = np.fromiter(flat, np.float64, len(flat))
    else:
        values = np.array(flat)
    return values.reshape(shape) if len(flat) == math.prod(shape) else None


def _shape(skeleton: bytes) -> tuple[int, ...] | None:
    """Reads a shape off the first elements, and checks it on all."""
    rank = len(skeleton) - len(skeleton.lstrip(b"["))
    if not 0 < rank <= 32:
        return None
    sizes, expected = [], b""
    for level in range(1, rank + 1):
        stop = skeleton.find(b"]" * level)
        length = stop + level - (rank - level)
        size, rest = divmod(length - 1, len(expected) + 1)
        if stop < 0 or rest or size < 1 or length > len(skeleton):
            return None
        expected = b"[" + b",".join([expected] * size) + b"]"
        sizes.append(size)
    return tuple(reversed(sizes)) if expected == skeleton else None


def _numbers_in_place(text: bytes) -> bool:
    """Whether nothing but brackets and commas stands outside of brackets."""
    raw = np.frombuffer(text.translate(None, _WHITESPACE), np.uint8)
    left, right = raw[:-1], raw[1:]
    after = (left == _CLOSE) & (right != _CLOSE) & (right != _COMMA)
    before = (right == _OPEN) & (left != _OPEN) & (left != _COMMA)
    return not (after.any() or before.any())
