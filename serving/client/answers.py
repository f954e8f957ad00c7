"""What came back from a server: checked, and cut to what was asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from metazoo.errors import EpisodeError
from metazoo.serving.signatures import (
    SignatureInfo,
    TensorInfo,
    dtype_name,
    shape_text,
)
from metazoo.serving.status import StatusError

# Outputs whose last axis counts the classes of a task.
BY_WAY = ("probabilities", "logits")


class AnswerError(StatusError):
    """INTERNAL: the answer is not what the signature says."""

    def __init__(self, message: str) -> None:
        """Stores what is wrong with it."""
        super().__init__("INTERNAL", message)


def check_outputs(
    signature: SignatureInfo, outputs: Mapping[str, np.ndarray], num_tasks: int
) -> None:
    """Refuses an answer that is not of the signature.

    Args:
        signature: What was called.
        outputs: Wire name -> array.
        num_tasks: Tasks that were sent.

    Raises:
        AnswerError: That names the tensor.
    """
    if set(outputs) != set(signature.outputs):
        raise AnswerError(
            f"signature {signature.name!r} returns "
            f"{sorted(signature.outputs)}; the answer has {sorted(outputs)}"
        )
    for name, value in outputs.items():
        _check_output(signature.outputs[name], value, num_tasks)


def _check_output(info: TensorInfo, value: np.ndarray, tasks: int) -> None:
    dtype = dtype_name(value)
    if dtype != info.dtype:
        raise AnswerError(
            f"output tensor {info.name!r} came as {dtype}; the signature "
            f"says {info.dtype}"
        )
    if not info.shape_fits(value.shape):
        raise AnswerError(
            f"output tensor {info.name!r} came with shape "
            f"{shape_text(value.shape)}; the signature says "
            f"{shape_text(info.shape)}"
        )
    if value.ndim and len(value) != tasks:
        raise AnswerError(
            f"output tensor {info.name!r} came for {len(value)} tasks; "
            f"{tasks} were sent"
        )


def refuse_spoiled(cause: str, outputs: Mapping[str, np.ndarray]) -> None:
    """Refuses NaN: how a server answers a task it can't make sense of.

    Args:
        cause: The arguments that may be at fault.
        outputs: Wire name -> array [tasks, ...].

    Raises:
        EpisodeError: That lists the tasks.
    """
    for value in outputs.values():
        if value.dtype.kind == "f" and np.isnan(value).any():
            tasks = np.isnan(value.reshape(len(value), -1)).any(1)
            raise EpisodeError(
                f"{cause} does not fit the served model in tasks "
                f"{np.flatnonzero(tasks).tolist()}: a label is beyond its "
                "classes, there are fewer classes than it learns from, an "
                "example is one it can't read, such as an empty text, or a "
                "state holds NaN."
            )


def trim_ways(
    signature: SignatureInfo, outputs: dict[str, np.ndarray], ways: int | None
) -> dict[str, np.ndarray]:
    """Cuts off columns that another client's classes brought about.

    A server that batches requests answers all of them with as many columns
    as the one with the most classes needs; the further ones are masked and
    have probability 0, so that what is left is exact. A model of a fixed
    number of ways keeps its columns, as it does in Python.

    Args:
        signature: What was called.
        outputs: Wire name -> array.
        ways: Number of classes; None to cut nothing.

    Returns:
        The outputs.
    """
    return {
        name: value[..., :ways]
        if name in BY_WAY and _is_free(signature.outputs[name])
        else value
        for name, value in outputs.items()
    }


def _is_free(info: TensorInfo) -> bool:
    return bool(info.shape) and info.shape[-1] is None  # type: ignore[index]
