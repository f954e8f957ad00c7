"""What the recipes of both of TAEML's stages share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metazoo.methods.taeml.taeml_data import sampler_of

if TYPE_CHECKING:
    from metazoo.data import ClassDataset


@dataclass(frozen=True)
class DomainSettings:
    """Fields and tasks of a learner of several domains, to mix in.

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

    def training_source(self: Any, data: ClassDataset) -> Any:
        """Episodes of one domain each.

        Args:
            data: the training classes.
        """
        return sampler_of(
            data, self.num_ways, self.fixed_shots, self.num_queries, self.seed
        )

    def validation_source(
        self: Any,
        data: ClassDataset,
        num_ways: int,
        num_queries: int,
        seed: int,
    ) -> Any:
        """Episodes of one domain each.

        Args:
            data: the validation classes.
            num_ways: classes an episode.
            num_queries: queries a class.
            seed: of all episodes.
        """
        return sampler_of(data, num_ways, self.fixed_shots, num_queries, seed)
