"""Recipes of Reptile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.recipes.conv4 import Conv4Recipe
from metazoo.recipes.descent import DescentSettings

if TYPE_CHECKING:
    from metazoo.methods.reptile.reptile_model import Reptile


@dataclass(frozen=True)
class ReptileRecipe(DescentSettings, Conv4Recipe):
    """Hyper-parameters of Reptile.

    Attributes:
        inner_steps: mini-batch steps in training (table 3: 5).
        inner_batch_size: examples of a mini-batch (table 3: 10).
        inner_learning_rate: step size of the inner gradient descent.
        predict_steps: full-batch steps of `adapt`.
    """

    inner_steps: int = 5
    predict_steps: int = 10
    inner_batch_size: int = 10

    def build_learner(self, example_shape: tuple[int, ...]) -> Reptile:
        """Builds an untrained `Reptile` on a Conv4 backbone.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.methods.reptile.reptile_model import Reptile

        return Reptile(
            self.build_backbone(example_shape),
            num_ways=self.num_ways,
            inner_batch_size=self.inner_batch_size,
            name="reptile",
            **self.descent_options(),
        )

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests."""
        return super().tiny(**{"inner_steps": 3, **changes})


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
