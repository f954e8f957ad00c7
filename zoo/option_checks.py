"""Checks of what a learner is built with."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from metazoo.errors import MetazooError


def check_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Returns a value that is one of the choices.

    Raises:
        MetazooError: it is not.
    """
    if value not in choices:
        raise MetazooError(
            f"{name} must be one of {list(choices)}; got {value!r}."
        )
    return value


def check_positive(name: str, value: Any) -> float:
    """Returns a positive finite number as a float.

    Raises:
        MetazooError: the value is something else.
    """
    number = np.asarray(value)
    if (
        number.ndim
        or number.dtype.kind not in "uif"
        or not np.isfinite(number)
        or not number > 0
    ):
        raise MetazooError(f"{name} must be a positive number; got {value!r}.")
    return float(value)


def check_count(name: str, value: Any) -> int:
    """Returns an integer of 1 or more.

    Raises:
        MetazooError: the value is something else.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if isinstance(value, bool) or number < 1:
        raise MetazooError(
            f"{name} must be an integer of 1 or more; got {value!r}."
        )
    return number
