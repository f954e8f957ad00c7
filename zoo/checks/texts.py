"""Checks of texts at the Python boundary: what a text learner refuses."""

from __future__ import annotations

from typing import Any

import numpy as np

from metazoo.errors import EpisodeError

# Only the first words of a text are read; a longer one is a mistake.
MAX_TEXT_BYTES = 1 << 16


def text_problem(value: Any) -> str | None:
    """What is wrong with a text.

    Args:
        value: what should be a text, or its UTF-8 bytes.

    Returns:
        A few words, or None where nothing is wrong.
    """
    try:
        content = text_bytes(value)
    except TypeError:
        return f"is a {type(value).__name__}, not a text"
    except UnicodeError:
        return "is not valid UTF-8"
    if not content.strip():
        return "is empty"
    if len(content) > MAX_TEXT_BYTES:
        return (
            f"is {len(content)} bytes long in UTF-8; at most "
            f"{MAX_TEXT_BYTES} are taken"
        )
    return None


def text_bytes(value: Any) -> bytes:
    """The UTF-8 bytes of a text.

    Args:
        value: a text, or its UTF-8 bytes.

    Raises:
        TypeError: it is neither.
        UnicodeError: it is not valid UTF-8, or holds lone surrogates.
    """
    if isinstance(value, str):
        return value.encode("utf-8")
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} is no text")
    value.decode("utf-8")
    return bytes(value)


def check_texts(name: str, value: Any) -> tuple[np.ndarray, bool]:
    """Checks texts and brings them to a leading tasks axis.

    Args:
        name: argument name for error messages.
        value: texts (or UTF-8 bytes) [examples], or [tasks, examples].

    Returns:
        Object array of UTF-8 bytes [tasks, examples], and whether the tasks
        axis was added here.

    Raises:
        EpisodeError: wrong rank, no examples, or a text that is none: empty,
            too long, not UTF-8, or no text at all; names its place.
    """
    array = _as_objects(name, value)
    single = array.ndim == 1
    if array.ndim not in (1, 2):
        raise EpisodeError(
            f"{name} has shape {array.shape}; expected texts [examples] or "
            "[tasks, examples]."
        )
    if array.size == 0:
        raise EpisodeError(
            f"{name} is empty: shape {array.shape} holds no text."
        )
    checked = np.empty(array.shape, object)
    for place, text in np.ndenumerate(array):
        problem = text_problem(text)
        if problem is not None:
            where = ", ".join(map(str, place))
            raise EpisodeError(f"{name}[{where}] {problem}.")
        checked[place] = text_bytes(text)
    return (checked[None] if single else checked), single


def _as_objects(name: str, value: Any) -> np.ndarray:
    """An array of Python objects, whose texts are not copied to one width."""
    if isinstance(value, (str, bytes)):
        raise EpisodeError(
            f"{name} is one text; expected a list of texts [examples]."
        )
    found = np.asarray(value) if hasattr(value, "dtype") else None
    if found is None:
        try:
            found = np.array(value, dtype=object)
        except ValueError as error:
            raise EpisodeError(
                f"{name} is no array of texts: {error}"
            ) from error
    if found.dtype.kind not in "SUO":
        raise EpisodeError(f"{name} must hold texts; got dtype {found.dtype}.")
    if found.ndim and any(isinstance(x, (list, tuple)) for x in found.flat):
        raise EpisodeError(
            f"{name} is no array, its rows differ in shape; expected texts "
            "[examples] or [tasks, examples]."
        )
    return found.astype(object)
