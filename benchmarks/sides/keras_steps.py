"""What one step of metazoo is: `train_on_batch`, or `adapt` and `predict`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from sides.worker import Step


def assign(variables: Iterable[Any], values: Iterable[np.ndarray]) -> None:
    """Gives variables their values."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def train_step(learner: Any, data: Mapping[str, np.ndarray]) -> Step:
    """An outer update on the same tasks each time."""
    arrays = {name: tf.constant(value) for name, value in data.items()}
    query_y = arrays.pop("query_y")

    def step() -> float:
        learner.reset_metrics()
        return float(
            learner.train_on_batch(arrays, query_y, return_dict=True)["loss"]
        )

    return step


def adapt_step(learner: Any, data: Mapping[str, np.ndarray]) -> Step:
    """Adapts to the first task and predicts its queries."""
    one = {name: value[0] for name, value in data.items()}
    rows = np.arange(len(one["query_y"]))

    def step() -> float:
        adapted = learner.adapt(one["support_x"], one["support_y"])
        probabilities = adapted.predict(one["query_x"])
        return float(-np.log(probabilities[rows, one["query_y"]]).mean())

    return step
