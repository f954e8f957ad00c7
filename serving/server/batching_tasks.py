"""Requests side by side on axis 0: what may be merged, and how."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from metazoo.serving.signatures import SEED, SUPPORT_SIZE
from metazoo.serving.status import StatusError, invalid

Arrays = dict[str, np.ndarray]


def tasks_of(inputs: Mapping[str, np.ndarray]) -> int:
    """Counts the tasks of a request.

    Args:
        inputs: Wire name -> array.

    Returns:
        The size of axis 0, common to all inputs.

    Raises:
        StatusError: INVALID_ARGUMENT if there is none.
    """
    if not inputs:
        raise invalid("Batching Run() must have at least one input tensor")
    for name, value in inputs.items():
        if value.ndim == 0:
            raise invalid(
                "Batching Run() input tensors must have at least one "
                f"dimension; {name!r} has none"
            )
    sizes = {name: len(value) for name, value in inputs.items()}
    first = next(iter(sizes.values()))
    if any(size != first for size in sizes.values()):
        listed = ", ".join(f"{n!r} has {s}" for n, s in sizes.items())
        raise invalid(
            "Batching Run() input tensors must have equal 0th-dimension "
            f"size; {listed}"
        )
    return first


def merge_key(
    inputs: Mapping[str, np.ndarray], packed: bool = False
) -> Hashable | None:
    """Says which requests of one signature give the same answer merged.

    Requests with equal keys have the same dtypes, the same sizes but for
    axis 0, labels of the same ranges, and the same numbers asked for, such
    as of samples: the width of an answer follows from the largest label or
    number, so a wider neighbour would show in it. Seeds are no such numbers.
    Texts may be any; of packed numbers there must be as many.

    Args:
        inputs: Wire name -> array [tasks, ...].
        packed: Whether strings are float32 as bytes.

    Returns:
        The key; None for a request that must run alone, because it holds
        values that are not finite.
    """
    parts: list[Hashable] = []
    for name in sorted(inputs):
        value = inputs[name]
        if not _is_finite(value, packed):
            return None
        parts.append((name, value.dtype.char, value.shape[1:]))
        if value.dtype.kind == "O" and packed:
            parts.append(frozenset(map(len, value.ravel())))
        elif value.dtype.kind not in "iu" or name in (SUPPORT_SIZE, SEED):
            continue
        elif value.ndim > 1:
            parts.append(_ranges(value, inputs.get(SUPPORT_SIZE)))
        else:
            parts.append(frozenset(value.tolist()))
    return tuple(parts)


def _is_finite(value: np.ndarray, packed: bool) -> bool:
    if value.dtype.kind == "f":
        return bool(np.isfinite(value).all())
    if value.dtype.kind != "O" or not packed:
        return True
    return all(
        np.isfinite(np.frombuffer(text, "<f4", len(text) // 4)).all()
        for text in value.ravel()
    )


def _ranges(labels: np.ndarray, sizes: np.ndarray | None) -> Hashable:
    """The set of (least, largest) label over tasks."""
    rows = labels.reshape(len(labels), -1)
    # Labels beyond the size of a task are padding.
    if sizes is not None and sizes.shape == (len(rows),):
        real = np.arange(rows.shape[1]) < sizes[:, None]
        rows = np.where(real, rows, rows[:, :1])
    least, largest = rows.min(axis=1).tolist(), rows.max(axis=1).tolist()
    return frozenset(zip(least, largest, strict=True))


def merged(requests: Sequence[Arrays], padding: int) -> Arrays:
    """Puts requests behind one another.

    Args:
        requests: Inputs of each; equal names.
        padding: How often the first row of the last one is appended: a row
            that is valid for sure.

    Returns:
        Wire name -> array; the arrays themselves if there is nothing to
        merge.
    """
    if len(requests) == 1 and not padding:
        return requests[0]
    together = {}
    for name, last in requests[-1].items():
        parts = [request[name] for request in requests]
        parts += [last[:1]] * padding
        together[name] = np.concatenate(parts)
    return together


def split(
    outputs: Mapping[str, np.ndarray], sizes: Sequence[int], padding: int
) -> list[Arrays]:
    """Takes a merged answer apart.

    Args:
        outputs: Wire name -> array with the tasks of all requests.
        sizes: Tasks of each request.
        padding: Rows at the end that belong to nobody.

    Returns:
        The outputs of each request, in the order of `sizes`.

    Raises:
        StatusError: FAILED_PRECONDITION for an output without the axis of
            tasks.
    """
    total = sum(sizes) + padding
    for name, value in outputs.items():
        if value.ndim == 0:
            raise StatusError(
                "FAILED_PRECONDITION",
                f"Batched output tensor has 0 dimensions: {name!r}",
            )
        if len(value) != total:
            raise StatusError(
                "FAILED_PRECONDITION",
                "Batched output tensor's 0th dimension does not equal the sum "
                "of the 0th dimension sizes of the input tensors: "
                f"{name!r} has {len(value)}; expected {total}",
            )
    parts, start = [], 0
    for size in sizes:
        stop = start + size
        parts.append({name: v[start:stop] for name, v in outputs.items()})
        start = stop
    return parts


def parts_of(inputs: Arrays, size: int, largest: int) -> list[Arrays]:
    """Splits a request of many tasks.

    Args:
        inputs: Wire name -> array [tasks, ...].
        size: Number of tasks.
        largest: Most tasks of one part.

    Returns:
        The parts in order; the request itself if it is small enough.
    """
    if size <= largest:
        return [inputs]
    return [
        {name: v[start : start + largest] for name, v in inputs.items()}
        for start in range(0, size, largest)
    ]


def joined(answers: Sequence[Arrays]) -> Arrays:
    """Puts the answers to the parts of a request behind one another."""
    return merged(answers, padding=0)
