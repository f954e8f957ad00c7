"""Checks of what a learner is built with."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from metazoo.errors import OptionError


def check_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Returns a value that is one of the choices.

    Raises:
        OptionError: it is not.
    """
    if value not in choices:
        raise OptionError(
            f"{name} must be one of {list(choices)}; got {value!r}."
        )
    return value


def check_positive(name: str, value: Any) -> float:
    """Returns a positive finite number as a float.

    Raises:
        OptionError: the value is something else.
    """
    if not _is_finite(value) or not value > 0:
        raise OptionError(f"{name} must be a positive number; got {value!r}.")
    return float(value)


def check_not_negative(name: str, value: Any) -> float:
    """Returns a finite number of 0 or more as a float.

    Raises:
        OptionError: the value is something else.
    """
    if not _is_finite(value) or not value >= 0:
        raise OptionError(f"{name} must be 0 or more; got {value!r}.")
    return float(value)


def check_share(name: str, value: Any) -> float:
    """Returns a number in [0, 1) as a float.

    Raises:
        OptionError: the value is something else.
    """
    if not _is_finite(value) or not 0 <= value < 1:
        raise OptionError(f"{name} must lie in [0, 1); got {value!r}.")
    return float(value)


def check_count(name: str, value: Any) -> int:
    """Returns an integer of 1 or more.

    Raises:
        OptionError: the value is something else.
    """
    return _check_integer(name, value, 1, None)


def check_steps(name: str, value: Any, most: int | None = None) -> int:
    """Returns an integer of 0 or more, and of `most` at most.

    Raises:
        OptionError: the value is something else.
    """
    return _check_integer(name, value, 0, most)


def _check_integer(name: str, value: Any, least: int, most: int | None) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    wrong = isinstance(value, bool) or number < least
    if wrong or (most is not None and number > most):
        bound = f" and {most} or less" if most is not None else ""
        raise OptionError(
            f"{name} must be an integer of {least} or more{bound}; got "
            f"{value!r}."
        )
    return number


def _is_finite(value: Any) -> bool:
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "uif":
        return False
    return bool(np.isfinite(number))
