"""The one list of what differs between the servers on purpose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """What each server answers to the same request.

    Attributes:
        reason: Why the embedded server answers as it does.
        embedded: Status codes that it may give.
        embedded_text: A part of its message; `{name}` is the tensor's.
        real: Status codes that TensorFlow Serving may give.
        real_text: A part of that message.
    """

    reason: str
    embedded: tuple[str, ...]
    embedded_text: str
    real: tuple[str, ...]
    real_text: str


INVALID = ("INVALID_ARGUMENT",)
DIFFERENCES = {
    "shape": Difference(
        "shapes are checked against the signature before the graph runs, so "
        "that the message names the tensor and what was expected; in "
        "TensorFlow Serving only the graph's own guard checks them",
        INVALID,
        "'{name}'",
        INVALID,
        "{name}",
    ),
    "dtype": Difference(
        "dtypes are checked at the same place; TensorFlow Serving's session "
        "names the graph's placeholder instead of the tensor",
        INVALID,
        "'{name}'",
        INVALID,
        "",
    ),
    "empty": Difference(
        "an empty axis is refused by name; in TensorFlow Serving the graph "
        "decides, and its kernels blame the convolution",
        INVALID,
        "'{name}'",
        ("INVALID_ARGUMENT", "OK"),
        "",
    ),
    "proto": Difference(
        "the message says what is wrong with the tensor; TensorFlow Serving "
        "names the tensor alone",
        INVALID,
        "tensor parsing error: {name}",
        INVALID,
        "tensor parsing error: {name}",
    ),
    "repeated value": Difference(
        "one value for a shape of terabytes is refused; TensorFlow Serving "
        "allocates it, so the test must not ask",
        INVALID,
        "tensor parsing error: {name}",
        (),
        "",
    ),
    "json value": Difference(
        "the message names the tensor; TensorFlow Serving's says what JSON "
        "type came, and for some rules not where",
        INVALID,
        "'{name}'",
        INVALID,
        "",
    ),
    "body": Difference(
        "messages of malformed bodies are the project's own words",
        INVALID,
        "{name}",
        INVALID,
        "",
    ),
}
