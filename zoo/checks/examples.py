"""Checks of few-shot input at the Python boundary, before any computation."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from metazoo.errors import EpisodeError

_NUMERIC_KINDS = "buif"


def as_array(name: str, value: Any) -> np.ndarray:
    """Makes an array of an argument.

    Args:
        name: argument name for error messages.
        value: array-like.

    Returns:
        The array.

    Raises:
        EpisodeError: its rows differ in shape.
    """
    try:
        return np.asarray(value)
    except ValueError as error:
        raise EpisodeError(
            f"{name} is no array, its rows differ in shape: {error}"
        ) from error


def check_examples(
    name: str,
    value: Any,
    shape: tuple[int | None, ...],
    value_range: Any = None,
) -> tuple[np.ndarray, bool]:
    """Checks examples and brings them to a leading tasks axis.

    Args:
        name: argument name for error messages.
        value: array-like [examples, *shape] or [tasks, examples, *shape].
        shape: shape of one example; None entries are free.
        value_range: (low, high) of raw values, to warn about input that
            looks scaled already; None for no warning.

    Returns:
        float32 array [tasks, examples, *shape], and whether the tasks axis
        was added here.

    Raises:
        EpisodeError: wrong rank, shape or dtype, no examples, or NaN.
    """
    array = as_array(name, value)
    if array.dtype.kind not in _NUMERIC_KINDS:
        raise EpisodeError(f"{name} must be numeric; got dtype {array.dtype}.")
    single = array.ndim == len(shape) + 1
    if single:
        array = array[None]
    if array.ndim != len(shape) + 2 or not _fits(array.shape[2:], shape):
        raise EpisodeError(
            f"{name} has shape {np.shape(value)}; expected [examples, "
            f"{_axes(shape)}] or [tasks, examples, {_axes(shape)}]."
        )
    if 0 in array.shape[:2]:
        raise EpisodeError(
            f"{name} is empty: shape {np.shape(value)} holds no example."
        )
    _warn_if_scaled(name, array, value_range)
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise EpisodeError(f"{name} holds NaN or infinite values (as float32).")
    return array, single


def check_at_most(name: str, count: int, limit: int | None) -> None:
    """Refuses more examples in a task than a learner takes.

    Args:
        name: argument name for error messages.
        count: examples of a task.
        limit: the most; None for any number.

    Raises:
        EpisodeError: there are more.
    """
    if limit is not None and count > limit:
        raise EpisodeError(
            f"{name} holds {count} examples a task; this model takes at most "
            f"{limit}."
        )


def check_integer(name: str, value: Any, low: int, high: int) -> int:
    """Checks one integer; a boolean is none.

    Args:
        name: argument name for error messages.
        value: what came.
        low: the least allowed.
        high: the most allowed.

    Returns:
        The value as a Python integer.

    Raises:
        EpisodeError: no integer, or out of range.
    """
    boolean = isinstance(value, (bool, np.bool_))
    try:
        number = None if boolean else operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise EpisodeError(
            f"{name} must be an integer in [{low}, {high}]; got {value!r}."
        )
    return number


def check_each_task(
    name: str,
    value: Any,
    num_tasks: int,
    dtype: Any,
    low: float = 0,
    high: float | None = None,
    above: bool = False,
) -> np.ndarray:
    """Checks a number for each task; booleans are none.

    Args:
        name: argument name for error messages.
        value: a number for all tasks, or [tasks].
        num_tasks: number of tasks.
        dtype: NumPy dtype of the result; that of integers takes no others.
        low: the least allowed.
        high: the most allowed; None for the largest of `dtype`.
        above: whether `low` itself is refused.

    Returns:
        An array [tasks] of `dtype`.

    Raises:
        EpisodeError: wrong shape, dtype or range, or not finite.
    """
    array = as_array(name, value)
    whole = np.issubdtype(dtype, np.integer)
    kinds, word = ("ui", "integer") if whole else ("uif", "number")
    if array.dtype.kind not in kinds or array.shape not in ((), (num_tasks,)):
        raise EpisodeError(
            f"{name} must be one {word} or of shape ({num_tasks},); got "
            f"{array.dtype} of shape {array.shape}."
        )
    if not whole:
        # What underflows or overflows must not pass as what it was.
        with np.errstate(over="ignore", under="ignore"):
            array = array.astype(dtype)
    if high is None:
        high = (np.iinfo if whole else np.finfo)(dtype).max
    fits = (array > low if above else array >= low) & (array <= high)
    if not fits.all():
        raise EpisodeError(
            f"{name} must lie in {'(' if above else '['}{low}, {high}]; got "
            f"{array.tolist()}."
        )
    return np.broadcast_to(array.astype(dtype), (num_tasks,)).copy()


def check_seed(value: Any, num_tasks: int) -> np.ndarray:
    """Checks the seeds of some tasks.

    Args:
        value: integers [2] for all tasks, or [tasks, 2].
        num_tasks: number of tasks.

    Returns:
        int32 [tasks, 2].

    Raises:
        EpisodeError: wrong shape, dtype or range.
    """
    array = as_array("seed", value)
    if array.dtype.kind not in "ui" or array.shape not in (
        (2,),
        (num_tasks, 2),
    ):
        raise EpisodeError(
            f"seed must hold integers of shape (2,) or ({num_tasks}, 2); got "
            f"{array.dtype} of shape {array.shape}."
        )
    limits = np.iinfo(np.int32)
    if array.min() < limits.min or array.max() > limits.max:
        raise EpisodeError(
            f"seed must fit int32; found {array.min()} to {array.max()}."
        )
    return np.broadcast_to(array.astype(np.int32), (num_tasks, 2))


def check_labels(
    name: str,
    value: Any,
    leading: tuple[int, ...],
    num_ways: int | None,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Checks integer labels.

    Args:
        name: argument name for error messages.
        value: integer array-like of shape `leading`, or `leading[1:]` when
            there is one task.
        leading: expected (tasks, examples).
        num_ways: labels must lie below it; None for no upper bound.
        mask: bool [tasks, examples]; labels of padding may be anything
            and come back as 0.

    Returns:
        int64 array [tasks, examples].

    Raises:
        EpisodeError: wrong shape, dtype or range.
    """
    array = as_array(name, value)
    if array.dtype.kind not in "ui":
        raise EpisodeError(
            f"{name} must hold integers; got dtype {array.dtype}."
        )
    if array.shape != leading:
        if array.shape != leading[1:] or leading[0] != 1:
            raise EpisodeError(
                f"{name} has shape {array.shape}; expected {leading} "
                "(tasks, examples) to match its examples."
            )
        array = array[None]
    if mask is not None:
        array = np.where(mask, array, 0)
    low, high = int(array.min()), int(array.max())
    if low < 0 or (num_ways is not None and high >= num_ways):
        bound = "0 or more" if num_ways is None else f"in [0, {num_ways})"
        raise EpisodeError(
            f"{name} must be {bound}; found labels from {low} to {high}."
        )
    return array.astype(np.int64, copy=False)


def check_largest_label(name: str, labels: np.ndarray, limit: int) -> int:
    """Refuses labels that can't count the classes of a task.

    Args:
        name: argument name for error messages.
        labels: int64, none of them negative.
        limit: labels must lie below it.

    Returns:
        The largest label.

    Raises:
        EpisodeError: a label is too large.
    """
    largest = int(labels.max())
    if largest >= limit:
        raise EpisodeError(
            f"{name} holds the label {largest}; labels count the classes of "
            f"a task from 0 and lie below {limit}, unless num_ways is given."
        )
    return largest


def check_classes(
    name: str, labels: np.ndarray, mask: np.ndarray, least: int
) -> None:
    """Refuses tasks of too few classes to be learnt from.

    Args:
        name: argument name for error messages.
        labels: int64 [tasks, examples].
        mask: bool [tasks, examples], False for padding.
        least: the fewest classes.

    Raises:
        EpisodeError: a task has fewer.
    """
    if least < 2:
        return
    for task, (own, real) in enumerate(zip(labels, mask, strict=True)):
        found = len(np.unique(own[real]))
        if found < least:
            raise EpisodeError(
                f"{name} of task {task} holds {found} class(es); expected "
                f"{least} or more to tell apart."
            )


def check_mask(name: str, value: Any, leading: tuple[int, ...]) -> np.ndarray:
    """Checks a mask of real examples; None means all are real.

    Args:
        name: argument name for error messages.
        value: boolean (or 0/1) array-like like `leading`, or None.
        leading: expected (tasks, examples).

    Returns:
        bool array [tasks, examples].

    Raises:
        EpisodeError: wrong shape, or a task without a real example.
    """
    if value is None:
        return np.ones(leading, bool)
    array = as_array(name, value)
    if array.shape == leading[1:] and leading[0] == 1:
        array = array[None]
    if array.shape != leading or array.dtype.kind not in "bui":
        raise EpisodeError(
            f"{name} must be boolean of shape {leading}; got dtype "
            f"{array.dtype} of shape {np.shape(value)}."
        )
    array = array.astype(bool)
    if not array.any(axis=1).all():
        empty = np.flatnonzero(~array.any(axis=1)).tolist()
        raise EpisodeError(f"{name} leaves no example in tasks {empty}.")
    return array


def check_unlabelled(
    value: Any,
    mask: Any,
    shape: tuple[int | None, ...],
    value_range: Any,
    num_tasks: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Checks an unlabelled set and its mask; a task may have no example.

    Args:
        value: array-like [unlabeled, *shape] of one task, or [tasks,
            unlabeled, *shape].
        mask: boolean array-like like its leading axes, or None.
        shape: shape of one example; None entries are free.
        value_range: (low, high) of raw values, or None.
        num_tasks: number of tasks of the support set.

    Returns:
        float32 [tasks, unlabeled, *shape] and bool [tasks, unlabeled].

    Raises:
        EpisodeError: wrong shape or dtype, NaN, or another number of tasks.
    """
    x, _ = check_examples("unlabeled_x", value, shape, value_range)
    if len(x) != num_tasks:
        raise EpisodeError(
            f"unlabeled_x holds {len(x)} tasks; support_x holds {num_tasks}."
        )
    found = np.ones(x.shape[:2], bool)
    if mask is not None:
        found = as_array("unlabeled_mask", mask)
        if found.shape == x.shape[1:2] and num_tasks == 1:
            found = found[None]
        if found.shape != x.shape[:2] or found.dtype.kind not in "bui":
            raise EpisodeError(
                f"unlabeled_mask must be boolean of shape {x.shape[:2]}; got "
                f"dtype {found.dtype} of shape {np.shape(mask)}."
            )
    return x, found.astype(bool)


def check_ways(num_ways: Any, fixed: int | None) -> int | None:
    """Checks a number of ways against what the model can tell apart.

    Args:
        num_ways: positive integer, or None to take it from the labels.
        fixed: the model's own number of ways, or None for any.

    Returns:
        The number of ways in force, or None.

    Raises:
        EpisodeError: not a positive integer, or another than `fixed`.
    """
    if num_ways is None:
        return fixed
    if not _is_count(num_ways):
        raise EpisodeError(
            f"num_ways must be a positive integer; got {num_ways!r}."
        )
    if fixed is not None and int(num_ways) > fixed:
        raise EpisodeError(
            f"num_ways is {num_ways}; this model tells {fixed} ways apart."
        )
    return int(num_ways) if fixed is None else fixed


def _is_count(value: Any) -> bool:
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "uif":
        return False
    return bool(np.isfinite(number) and number >= 1 and number % 1 == 0)


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(found) == len(expected) and all(
        want is None or have == want
        for have, want in zip(found, expected, strict=True)
    )


def _axes(shape: tuple[int | None, ...]) -> str:
    return ", ".join("any" if size is None else str(size) for size in shape)


def _warn_if_scaled(name: str, array: np.ndarray, value_range: Any) -> None:
    if value_range is None or array.dtype.kind != "f":
        return
    low, high = value_range
    if high > 1 and array.max() <= 1.0:
        warnings.warn(
            f"{name} looks scaled (largest value {array.max():.3g}); this "
            f"model takes raw values in [{low}, {high}].",
            stacklevel=4,
        )
