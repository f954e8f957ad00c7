"""Recipes of Reptile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from metazoo.recipe import EpisodicRecipe

if TYPE_CHECKING:
    from metazoo.methods.reptile.reptile_model import Reptile


@dataclass(frozen=True)
class ReptileRecipe(EpisodicRecipe):
    """Hyper-parameters of Reptile.

    Attributes:
        filters: channels of the Conv4 backbone.
        inner_steps: mini-batch steps in training (table 3: 5).
        inner_batch_size: examples of a mini-batch (table 3: 10).
        inner_learning_rate: step size of the inner gradient descent.
        predict_steps: full-batch steps of `adapt`.
        rescaling: (scale, offset) from raw pixels to what the net sees.
    """

    filters: int = 64
    inner_steps: int = 5
    inner_batch_size: int = 10
    inner_learning_rate: float = 0.1
    predict_steps: int = 10
    rescaling: tuple[float, float] = (1 / 255, 0.0)

    def build_learner(self, example_shape: tuple[int, ...]) -> Reptile:
        """Builds an untrained `Reptile` on a Conv4 backbone.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.layers import conv4
        from metazoo.methods.reptile.reptile_model import Reptile

        height, width, channels = example_shape
        backbone = conv4(
            (height, width, channels),
            filters=self.filters,
            rescaling=self.rescaling,
        )
        return Reptile(
            backbone,
            num_ways=self.num_ways,
            inner_steps=self.inner_steps,
            inner_batch_size=self.inner_batch_size,
            inner_learning_rate=self.inner_learning_rate,
            predict_steps=self.predict_steps,
            name="reptile",
        )

    def tiny(self) -> Self:
        """A few small steps on glyphs, for tests."""
        return self.replace(
            dataset="glyphs",
            split="train",
            num_queries=2,
            num_tasks=2,
            steps=10,
            first_cycle_steps=None,
            initial_preset=None,
            filters=8,
            inner_steps=3,
        )


RECIPES = {
    # Table 3 has 100,000 outer steps of plain interpolation and inner Adam;
    # inner gradient descent with outer Adam (section 2) needs far fewer.
    "omniglot_5way": ReptileRecipe(
        split="background",
        num_shots=10,
        num_queries=1,
        num_tasks=5,
        steps=6000,
        first_cycle_steps=2000,
        rescaling=(-1 / 255, 1.0),
    ),
}
