"""Checks of NumPy episodes handed to `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.checks.examples import (
    check_classes,
    check_labels,
    check_mask,
    check_unlabelled,
)
from metazoo.data.episode import require_names
from metazoo.errors import EpisodeError

# Of one class there is nothing to learn.
LEAST_CLASSES = 2


def check_arrays(
    learner: Any, inputs: Any, query_y: Any, query_mask: Any = None
) -> None:
    """Refuses NumPy episodes that training would quietly misread.

    In a graph a label out of range is a row of zeros, a query of a class
    without support an enormous loss and a task of one class no loss at all;
    none of them stops the training.

    Args:
        learner: an `EpisodicLearner`.
        inputs: dict of NumPy arrays with a leading tasks axis. Anything
            else, such as a dataset, passes unchecked.
        query_y: int array-like [tasks, query].
        query_mask: bool array-like [tasks, query], or None.

    Raises:
        EpisodeError: a name is missing, or an array has a wrong shape,
            dtype or value, or a task has one class only.
    """
    if not _all_arrays(inputs):
        return
    require_names(inputs)
    _check_unlabelled(learner, inputs)
    if query_y is None:
        raise EpisodeError("y is missing: the query labels [tasks, query].")
    support_y, support_mask = _support_labels(learner, inputs)
    query_y, query_mask = _labels(
        learner, "query", (inputs["query_x"], query_y, query_mask)
    )
    _check_same_tasks(support_y, query_y)
    check_classes("support_y", support_y, support_mask, LEAST_CLASSES)
    same = query_y[:, :, None] == support_y[:, None, :]
    known = (same & support_mask[:, None, :]).any(-1)
    lost = np.argwhere(query_mask & ~known)
    if len(lost):
        task, query = lost[0].tolist()
        raise EpisodeError(
            f"query_y[{task}, {query}] is {query_y[task, query]}, a class "
            "without a support example in its task."
        )


def check_unlabelled_arrays(learner: Any, inputs: Any) -> None:
    """Refuses NumPy episodes that prediction would quietly misread.

    Args:
        learner: an `EpisodicLearner`.
        inputs: as for `check_arrays`.

    Raises:
        EpisodeError: a name is missing, or an array has a wrong shape,
            dtype or value.
    """
    if not _all_arrays(inputs):
        return
    require_names(inputs)
    _check_unlabelled(learner, inputs)
    support_y, mask = _support_labels(learner, inputs)
    check_classes("support_y", support_y, mask, learner.least_classes)
    query_x, _ = learner.checked_examples("query_x", inputs["query_x"])
    _check_same_tasks(support_y, query_x)


def as_keras_input(inputs: Any) -> Any:
    """Inputs in which texts are tensors: Keras takes no arrays of them.

    Args:
        inputs: as for `check_arrays`.

    Returns:
        The inputs, arrays of texts replaced.
    """
    if not _all_arrays(inputs):
        return inputs
    return {
        name: tf.constant(value, tf.string)
        if value.dtype.kind in "SUO"
        else value
        for name, value in inputs.items()
    }


def _check_unlabelled(learner: Any, inputs: dict[str, Any]) -> None:
    if "unlabeled_x" not in inputs:
        return
    check_unlabelled(
        inputs["unlabeled_x"],
        inputs.get("unlabeled_mask"),
        learner.example_shape,
        learner.value_range,
        len(inputs["support_x"]),
    )


def _all_arrays(inputs: Any) -> bool:
    return isinstance(inputs, dict) and all(
        isinstance(value, np.ndarray) for value in inputs.values()
    )


def _check_same_tasks(support: np.ndarray, query: np.ndarray) -> None:
    if len(support) != len(query):
        raise EpisodeError(
            f"support_x holds {len(support)} tasks and query_x "
            f"{len(query)}; expected the same number."
        )


def _support_labels(
    learner: Any, inputs: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    return _labels(
        learner,
        "support",
        (inputs["support_x"], inputs["support_y"], inputs.get("support_mask")),
    )


def _labels(
    learner: Any, part: str, arrays: tuple[Any, Any, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Checks one half of the episodes; its labels and mask."""
    x, single = learner.checked_examples(f"{part}_x", arrays[0])
    if single:
        raise EpisodeError(
            f"{part}_x has shape {arrays[0].shape}; expected [tasks, "
            "examples, ...]: Keras's batch axis is the tasks."
        )
    mask = check_mask(f"{part}_mask", arrays[2], x.shape[:2])
    y = check_labels(
        f"{part}_y", arrays[1], x.shape[:2], learner.num_ways, mask
    )
    return y, mask
