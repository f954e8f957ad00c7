"""Raw examples as wire arrays: numbers, or strings as bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from metazoo.checks.examples import check_examples
from metazoo.errors import EpisodeError
from metazoo.serving.signatures import TensorInfo, shape_text


def checked_examples(
    name: str, value: Any, example: TensorInfo
) -> tuple[np.ndarray, bool]:
    """Checks raw examples and brings them to a leading tasks axis.

    Args:
        name: Argument name for error messages.
        value: Array-like [examples, *features] or [tasks, examples,
            *features]; of numbers, or of texts and bytes.
        example: An input of the model, [tasks, examples, *features].

    Returns:
        Array [tasks, examples, *features], float32 or of bytes, and whether
        the tasks axis was added here.

    Raises:
        EpisodeError: Wrong rank, shape or dtype, no examples, or values that
            can't be sent.
    """
    shape = (example.shape or ())[2:]
    if example.dtype != "string":
        return check_examples(name, value, shape)
    array = as_strings(name, value)
    single = array.ndim == len(shape) + 1
    array = array[None] if single else array
    wanted = TensorInfo(name, "string", (None, None, *shape))
    if not wanted.shape_fits(array.shape):
        raise EpisodeError(
            f"{name} has shape {shape_text(np.shape(value))}; expected texts "
            f"of shape {shape_text((None, *shape))}, or with an axis of tasks "
            "before it"
        )
    if 0 in array.shape:
        raise EpisodeError(f"{name} is empty: it holds no example.")
    return array, single


def as_strings(name: str, value: Any) -> np.ndarray:
    """Makes an array of bytes of texts; texts are sent as UTF-8.

    Args:
        name: Argument name for error messages.
        value: Array-like of texts or bytes, or nested lists of them.

    Returns:
        The array, of objects that are bytes.

    Raises:
        EpisodeError: Something in it is neither, or half a character.
    """
    # An array of a fixed width would cut zeros off the end of bytes.
    array = np.asarray(value, None if hasattr(value, "dtype") else object)
    if array.dtype.kind not in "OSU":
        raise EpisodeError(
            f"{name} must hold texts or bytes; got dtype {array.dtype}."
        )
    found = np.empty(array.shape, object)
    for place, text in np.ndenumerate(array):
        found[place] = _as_bytes(name, place, text)
    return found


def _as_bytes(name: str, place: tuple[int, ...], text: Any) -> bytes:
    where = f"{name}[{', '.join(map(str, place))}]" if place else name
    if isinstance(text, bytes):
        return bytes(text)
    if isinstance(text, list | tuple):
        raise EpisodeError(
            f"{name} is no array, its rows differ in shape: {where} holds "
            f"{len(text)} values."
        )
    if not isinstance(text, str):
        raise EpisodeError(
            f"{where} is of type {type(text).__name__}; expected a text or "
            "bytes."
        )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise EpisodeError(f"{where} is no text: {error}") from error
