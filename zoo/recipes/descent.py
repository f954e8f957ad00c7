"""Recipe fields of learners that adapt by gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DescentSettings:
    """Fields to mix into the recipe of a `DescentLearner`.

    Attributes:
        inner_steps: gradient steps in training.
        inner_learning_rate: their step size.
        predict_steps: gradient steps of `adapt`.
    """

    inner_steps: int = 1
    inner_learning_rate: float = 0.1
    predict_steps: int = 1

    def descent_options(self) -> dict[str, Any]:
        """Arguments of the learner's constructor."""
        return {
            "inner_steps": self.inner_steps,
            "inner_learning_rate": self.inner_learning_rate,
            "predict_steps": self.predict_steps,
        }
