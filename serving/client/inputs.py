"""Support sets and other arguments of a client as wire arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metazoo.checks.examples import as_array, check_labels, check_mask
from metazoo.errors import EpisodeError
from metazoo.serving.client.examples import as_strings, checked_examples
from metazoo.serving.signatures import (
    SUPPORT_SIZE,
    SignatureInfo,
    TensorInfo,
    shape_text,
)

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class SupportSet:
    """Support sets of some tasks, ready to be sent.

    Attributes:
        inputs: `support_x`, `support_y`, and `support_size` if padded.
        single: Whether one task came without a tasks axis.
        ways: The largest label plus one.
    """

    inputs: Arrays
    single: bool
    ways: int

    @property
    def padded(self) -> bool:
        """Whether the tasks differ in their number of examples."""
        return SUPPORT_SIZE in self.inputs


def support_set(
    support_x: Any, support_y: Any, support_mask: Any, example: TensorInfo
) -> SupportSet:
    """Checks support sets and brings them to a leading tasks axis.

    Args:
        support_x: [support, *features], [tasks, support, *features], or a
            list of arrays [support, *features] that differ in `support`.
        support_y: integer labels, nested likewise.
        support_mask: booleans [support] or [tasks, support], False for
            examples to leave out; None for none of them.
        example: An input of the model, [tasks, examples, *features].

    Returns:
        The support sets.

    Raises:
        EpisodeError: An argument is malformed.
    """
    if _is_ragged(support_x, len(example.shape or ()) - 1):
        if support_mask is not None:
            raise EpisodeError(
                "support_mask is for arrays; tasks of different sizes in a "
                "list need none."
            )
        return _pad(_tasks(support_x, support_y, example), False)
    x, single = checked_examples("support_x", support_x, example)
    mask = check_mask("support_mask", support_mask, x.shape[:2])
    y = check_labels("support_y", support_y, x.shape[:2], None, mask)
    if mask.all():
        inputs = {"support_x": x, "support_y": y}
        return SupportSet(inputs, single, int(y.max()) + 1)
    tasks = [(x[t][kept], y[t][kept]) for t, kept in enumerate(mask)]
    return _pad(tasks, single)


def _is_ragged(support_x: Any, rank: int) -> bool:
    if not isinstance(support_x, (list, tuple)):
        return False
    try:
        shapes = [np.shape(task) for task in support_x]
    except ValueError:
        # A task is no array itself; the check of arrays says so.
        return False
    return (
        all(len(shape) == rank for shape in shapes)
        and len({shape[0] for shape in shapes}) > 1
    )


def _tasks(
    support_x: Sequence[Any], support_y: Any, example: TensorInfo
) -> list[tuple[np.ndarray, np.ndarray]]:
    if not isinstance(support_y, (list, tuple)) or (
        len(support_y) != len(support_x)
    ):
        raise EpisodeError(
            f"support_x is a list of {len(support_x)} tasks; support_y must "
            "be a list of as many label arrays."
        )
    tasks = []
    for index, (task_x, task_y) in enumerate(
        zip(support_x, support_y, strict=True)
    ):
        x, _ = checked_examples(f"support_x[{index}]", task_x, example)
        y = check_labels(f"support_y[{index}]", task_y, x.shape[:2], None)
        tasks.append((x[0], y[0]))
    return tasks


def _pad(
    tasks: Sequence[tuple[np.ndarray, np.ndarray]], single: bool
) -> SupportSet:
    sizes = np.array([len(y) for _, y in tasks], np.int32)
    leading = (len(tasks), int(sizes.max()))
    first = tasks[0][0]
    shape = (*leading, *first.shape[1:])
    nothing = b"" if first.dtype == object else 0
    support_x = np.full(shape, nothing, first.dtype)
    support_y = np.zeros(leading, np.int64)
    for index, (x, y) in enumerate(tasks):
        _check_same_shape(index, x, first)
        support_x[index, : len(y)] = x
        support_y[index, : len(y)] = y
    inputs: Arrays = {"support_x": support_x, "support_y": support_y}
    if (sizes != leading[1]).any():
        inputs[SUPPORT_SIZE] = sizes
    return SupportSet(inputs, single, int(support_y.max()) + 1)


def _check_same_shape(index: int, found: np.ndarray, first: np.ndarray) -> None:
    if found.shape[1:] != first.shape[1:]:
        raise EpisodeError(
            f"support_x[{index}] has examples of shape {found.shape[1:]}; "
            f"those of support_x[0] have {first.shape[1:]}."
        )


_CASTS = {"f": "buif", "i": "ui", "u": "ui", "b": "b"}


def as_inputs(signature: SignatureInfo, values: Mapping[str, Any]) -> Arrays:
    """Makes the arrays of a signature from array-likes.

    Integers become floats where floats are wanted, and integers of another
    size where that changes no value; nothing else is converted.

    Args:
        signature: What is to be called.
        values: Wire name -> array-like with a leading tasks axis.

    Returns:
        Wire name -> array.

    Raises:
        EpisodeError: That names the tensor.
    """
    return {
        name: _as_input(signature.inputs[name], value)
        if name in signature.inputs
        else as_array(name, value)
        for name, value in values.items()
    }


def _as_input(info: TensorInfo, value: Any) -> np.ndarray:
    if info.dtype == "string":
        return as_strings(info.name, value)
    array = as_array(info.name, value)
    dtype = _numpy_dtype(info.dtype)
    if dtype is None or array.dtype.kind not in _CASTS.get(dtype.kind, ""):
        return array
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    if dtype.kind in "iu" and (cast != array).any():
        raise EpisodeError(
            f"{info.name} holds integers that {info.dtype} can't hold."
        )
    return cast


def _numpy_dtype(name: str) -> np.dtype | None:
    try:
        return np.dtype(name)
    except TypeError:
        # Such as bfloat16, which NumPy knows only beside TensorFlow.
        return None


def check_inputs(
    signature: SignatureInfo, inputs: Mapping[str, np.ndarray]
) -> None:
    """Refuses arrays that a signature does not take.

    Args:
        signature: What is to be called.
        inputs: Wire name -> array.

    Raises:
        EpisodeError: That names the tensor, what came and what was expected.
    """
    if set(inputs) != set(signature.inputs):
        raise EpisodeError(
            f"signature {signature.name!r} takes {sorted(signature.inputs)}; "
            f"got {sorted(inputs)}"
        )
    for name, value in inputs.items():
        problem = signature.inputs[name].problem(value)
        if not problem and not value.ndim:
            problem = f"input tensor {name!r} has no axis of tasks"
        if problem:
            raise EpisodeError(problem)
    if len({value.shape[0] for value in inputs.values()}) > 1:
        listed = ", ".join(
            f"{name} {shape_text(value.shape)}"
            for name, value in inputs.items()
        )
        raise EpisodeError(
            f"the inputs differ in their number of tasks: {listed}"
        )


def pack_bytes(
    plain: SignatureInfo, packed: SignatureInfo, inputs: Arrays
) -> Arrays:
    """Brings arrays to the form of a signature that takes bytes.

    Args:
        plain: The signature the arrays fit.
        packed: One of the same inputs, some of them strings [tasks], each
            the little-endian values of one task.
        inputs: Wire name -> array.

    Returns:
        Wire name -> array, for `packed`.
    """
    return {
        name: _raw(value)
        if packed.inputs[name].dtype == "string"
        and plain.inputs[name].dtype != "string"
        else value
        for name, value in inputs.items()
    }


def _raw(value: np.ndarray) -> np.ndarray:
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    tasks = np.empty(len(value), object)
    tasks[:] = [task.tobytes() for task in little]
    return tasks
