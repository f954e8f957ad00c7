"""What the recipes of both of TAEML's stages share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DomainSettings:
    """Fields of a learner of several domains, to mix in.

    Attributes:
        image_size: height and width of a mixture's images.
        feature_length: length of every feature vector; the paper's 10.
        momentum: of the batch normalisation's moving statistics.
        drop_after: share of the steps after which the step size falls to a
            tenth.
    """

    image_size: int = 32
    feature_length: float = 10.0
    momentum: float = 0.9
    drop_after: float = 0.7

    def learning_rate(self: Any) -> Any:
        """Constant, then a tenth of it."""
        from keras.optimizers import schedules

        rate = self.outer_learning_rate
        last = max(int(self.drop_after * self.steps), 1)
        return schedules.PiecewiseConstantDecay([last], [rate, 0.1 * rate])
