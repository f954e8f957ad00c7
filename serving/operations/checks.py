"""Checks of what ends up in configuration files; each names the argument."""

from __future__ import annotations

import re
from typing import Any

from metazoo.errors import ServingError

# What Kubernetes takes as a name. TensorFlow Serving takes more, but a
# model's name is also a folder, a part of an address and a KServe service.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9_]+")
_IMAGE = re.compile(r"[a-z0-9][\w./:@-]*", re.ASCII)
_MEMORY = re.compile(r"([1-9]\d*)(Mi|Gi)")
_PATH = re.compile(r"(/[\w.-]+)+", re.ASCII)
_ADDRESS = re.compile(r"[A-Za-z0-9.-]+:(\d{1,5})")
_URI = re.compile(r"[a-z][a-z0-9+.-]*://[\w./:@-]+", re.ASCII)
_BYTES = {"Mi": 2**20, "Gi": 2**30}


def name(argument: str, value: Any) -> str:
    """Checks a name of a model, a service or a volume claim.

    Args:
        argument: What to call the value in the error.
        value: The value.

    Returns:
        The value.

    Raises:
        ServingError: If it is no name.
    """
    return _matching(
        _NAME,
        argument,
        value,
        "up to 53 lower-case letters, digits and hyphens, with no hyphen at "
        "either end, such as 'characters'",
    )


def label(argument: str, value: Any) -> str:
    """Checks a version label; as `name`."""
    return _matching(_LABEL, argument, value, "letters, digits and underscores")


def image(argument: str, value: Any) -> str:
    """Checks the name of a container image; as `name`."""
    return _matching(
        _IMAGE, argument, value, "such as 'tensorflow/serving:2.20.0'"
    )


def path(argument: str, value: Any) -> str:
    """Checks an absolute path in a container; as `name`."""
    return _matching(_PATH, argument, value, "an absolute path like '/models'")


def address(argument: str, value: Any) -> str:
    """Checks HOST:PORT; as `name`."""
    _matching(_ADDRESS, argument, value, "such as 'serving:8501'")
    port = int(value.rpartition(":")[2])
    integer(f"port of {argument}", port, 1, 65535)
    return str(value)


def uri(argument: str, value: Any) -> str:
    """Checks the address of a folder; as `name`."""
    return _matching(_URI, argument, value, "such as 'pvc://models'")


def memory(argument: str, value: Any) -> int:
    """Checks an amount of memory.

    Args:
        argument: What to call the value in the error.
        value: Such as `4Gi` or `512Mi`.

    Returns:
        The amount in bytes.

    Raises:
        ServingError: If it is no such amount.
    """
    _matching(_MEMORY, argument, value, "such as '4Gi' or '512Mi'")
    return int(value[:-2]) * _BYTES[value[-2:]]


def integer(
    argument: str, value: Any, least: int, most: int = 2**31 - 1
) -> int:
    """Checks a whole number.

    Args:
        argument: What to call the value in the error.
        value: The value.
        least: The smallest number allowed.
        most: The largest number allowed.

    Returns:
        The value.

    Raises:
        ServingError: If it is no whole number from `least` to `most`.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise ServingError(
            f"{argument} is {value!r}; expected a whole number from {least} "
            f"to {most}"
        )
    return int(value)


def _matching(
    pattern: re.Pattern[str], argument: str, value: Any, expected: str
) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ServingError(f"{argument} is {value!r}; expected {expected}")
    return value
