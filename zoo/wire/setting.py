"""What a client may choose for each task beside its examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.checks.examples import check_each_task, check_seed

# A request of more would hold a server for minutes.
MAX_STEPS = 1000


@dataclass(frozen=True)
class Setting:
    """One number (or a seed's two) of each task.

    Attributes:
        name: on the wire and in Python.
        doc: what it is, for people and for the metadata file.
        dtype: of the tensor.
        low: the least allowed.
        high: the most allowed; None for no bound but that it is finite.
        above: whether `low` itself is refused.
        example: the value that an export is tried with.
        safe: what a faulty task is computed with, so that it costs those
            beside it nothing.
        width: numbers of a task; None for a single one, without an axis.
    """

    name: str
    doc: str
    dtype: tf.DType = tf.int32
    low: float = 0
    high: float | None = None
    above: bool = False
    example: float = 1
    safe: float = 0
    width: int | None = None

    def spec(self) -> tf.TensorSpec:
        """Its tensor on the wire: [tasks], or [tasks, width]."""
        wide = [] if self.width is None else [self.width]
        return tf.TensorSpec([None, *wide], self.dtype, self.name)

    def wire_doc(self) -> str:
        """What it is, with its axes."""
        wide = "" if self.width is None else f", {self.width}"
        return f"{self.doc}; [tasks{wide}]"

    def checked(self, value: Any, num_tasks: int) -> np.ndarray:
        """Checks what a Python user gave.

        Args:
            value: one for all tasks, or one for each.
            num_tasks: number of tasks.

        Returns:
            An array as `spec` tells.

        Raises:
            EpisodeError: wrong shape, dtype or range.
        """
        if self.width is not None:
            return check_seed(value, num_tasks)
        return check_each_task(
            self.name,
            value,
            num_tasks,
            self.dtype.as_numpy_dtype,
            self.low,
            self.high,
            self.above,
        )

    def wrong(self, value: tf.Tensor) -> tf.Tensor:
        """Finds the tasks whose value is out of range.

        Args:
            value: as `spec` tells.

        Returns:
            bool [tasks].
        """
        if self.width is not None:
            return tf.zeros(tf.shape(value)[:1], tf.bool)
        low = tf.cast(self.low, value.dtype)
        fits = value > low if self.above else value >= low
        if self.high is not None:
            fits &= value <= tf.cast(self.high, value.dtype)
        if value.dtype.is_floating:
            fits &= tf.math.is_finite(value)
        return ~fits

    def usable(self, value: tf.Tensor, wrong: tf.Tensor) -> tf.Tensor:
        """Puts `safe` in the place of faulty tasks' values.

        Args:
            value: as `spec` tells.
            wrong: bool [tasks].
        """
        if self.width is not None:
            return value
        return tf.where(wrong, tf.cast(self.safe, value.dtype), value)

    def examples(self, num_tasks: int) -> np.ndarray:
        """Values that an export is tried with.

        Args:
            num_tasks: number of tasks.
        """
        dtype = self.dtype.as_numpy_dtype
        if self.width is not None:
            count = num_tasks * self.width
            return np.arange(count, dtype=dtype).reshape(num_tasks, -1)
        return np.full(num_tasks, self.example, dtype)


def steps(name: str = "inner_steps", doc: str = "gradient steps") -> Setting:
    """A number of steps, 0 to `MAX_STEPS`.

    Args:
        name: of the setting.
        doc: which steps.
    """
    return Setting(name, f"{doc}, 0 to {MAX_STEPS}", high=MAX_STEPS, example=2)


def seed(doc: str) -> Setting:
    """The seed of a task's draws.

    Args:
        doc: what is drawn.
    """
    return Setting("seed", doc, width=2)
