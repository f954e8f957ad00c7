"""Checks of what an episode sampler is asked for."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.errors import EpisodeError


def as_integer(name: str, value: Any) -> int:
    """Returns a 64-bit integer.

    Raises:
        EpisodeError: the value is something else.
    """
    try:
        number = operator.index(value)
    except TypeError as error:
        raise EpisodeError(
            f"{name} must be an integer; got {value!r}."
        ) from error
    if not -(2**63) <= number < 2**63:
        raise EpisodeError(f"{name} must fit 64 bits; got {number}.")
    return number


def as_positive(name: str, value: Any) -> int:
    """Returns an integer of at least 1.

    Raises:
        EpisodeError: the value is something else.
    """
    number = as_integer(name, value)
    if number < 1:
        raise EpisodeError(f"{name} must be at least 1; got {number}.")
    return number


def as_episode_number(name: str, value: Any) -> int:
    """Returns an integer of at least 0.

    Raises:
        EpisodeError: the value is something else.
    """
    number = as_integer(name, value)
    if number < 0:
        raise EpisodeError(f"{name} must be at least 0; got {number}.")
    return number


def as_range(name: str, value: Any) -> tuple[int, int]:
    """Returns (low, high) from an integer or a pair of them.

    Raises:
        EpisodeError: the value is something else.
    """
    if not isinstance(value, (tuple, list)):
        number = as_positive(name, value)
        return number, number
    if len(value) != 2:
        raise EpisodeError(
            f"{name} must be an integer or a pair (low, high); got {value!r}."
        )
    low, high = (as_positive(name, end) for end in value)
    if low > high:
        raise EpisodeError(f"{name} must rise; got the range {value!r}.")
    return low, high


def check_several_ways(num_ways: int) -> None:
    """Refuses episodes of one class: of them there is nothing to learn.

    Args:
        num_ways: the least number of classes of an episode.

    Raises:
        EpisodeError: it is 1.
    """
    if num_ways < 2:
        raise EpisodeError(
            f"num_ways must be at least 2; got {num_ways}: with one class "
            "there is nothing to tell apart."
        )


def check_enough_classes(dataset: ClassDataset, num_ways: int) -> None:
    """Refuses more ways than the data set has classes.

    Raises:
        EpisodeError: there are too few.
    """
    if num_ways > dataset.num_classes:
        raise EpisodeError(
            f"num_ways={num_ways} is more than the {dataset.num_classes} "
            f"classes of {dataset.name!r} ({dataset.split})."
        )


def check_enough_examples(
    dataset: ClassDataset, num_shots: int, num_queries: int
) -> None:
    """Refuses more shots and queries than the smallest class holds.

    Raises:
        EpisodeError: there are too few.
    """
    smallest = int(np.argmin(dataset.class_sizes))
    if num_shots + num_queries > dataset.min_examples:
        raise EpisodeError(
            f"num_shots={num_shots} + num_queries={num_queries} is more than "
            f"the {dataset.min_examples} examples of class "
            f"{dataset.class_names[smallest]!r} in {dataset.name!r} "
            f"({dataset.split})."
        )
