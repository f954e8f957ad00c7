"""Checks of what a BANDE is built with."""

from __future__ import annotations

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


def check_steps(value: Any) -> int:
    """Returns a number of passes.

    Raises:
        MetazooError: it is no integer of 1 or more.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise MetazooError(
            f"num_cluster_steps must be an integer of 1 or more; got {value!r}."
        )
    return value
