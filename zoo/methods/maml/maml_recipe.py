"""Recipes of MAML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from metazoo.recipe import EpisodicRecipe

if TYPE_CHECKING:
    from metazoo.methods.maml.maml_model import MAML


@dataclass(frozen=True)
class MAMLRecipe(EpisodicRecipe):
    """Hyper-parameters of MAML.

    Attributes:
        filters: channels of the Conv4 backbone (section 5.1: 64).
        inner_steps: gradient steps in training (appendix A.1: 1).
        inner_learning_rate: alpha in the paper (appendix A.1: 0.4).
        predict_steps: gradient steps of `adapt`.
        first_order: leave out second derivatives (section 5.2).
        rescaling: (scale, offset) from raw pixels to what the net sees.
    """

    filters: int = 64
    inner_steps: int = 1
    inner_learning_rate: float = 0.4
    predict_steps: int = 1
    first_order: bool = False
    rescaling: tuple[float, float] = (1 / 255, 0.0)

    def build_learner(self, example_shape: tuple[int, ...]) -> MAML:
        """Builds an untrained `MAML` on a Conv4 backbone.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.layers import conv4
        from metazoo.methods.maml.maml_model import MAML

        height, width, channels = example_shape
        backbone = conv4(
            (height, width, channels),
            filters=self.filters,
            rescaling=self.rescaling,
        )
        return MAML(
            backbone,
            num_ways=self.num_ways,
            inner_steps=self.inner_steps,
            inner_learning_rate=self.inner_learning_rate,
            predict_steps=self.predict_steps,
            first_order=self.first_order,
            name="maml",
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
        )


_OMNIGLOT = MAMLRecipe(
    split="background", num_tasks=8, rescaling=(-1 / 255, 1.0)
)

# The paper's Omniglot net has strided convolutions; max-pooling is more
# accurate for the same time here.
RECIPES = {
    "omniglot_5way_1shot": _OMNIGLOT.replace(
        num_shots=1, steps=20000, first_cycle_steps=14000
    ),
    "omniglot_5way_5shot": _OMNIGLOT.replace(
        num_shots=5,
        steps=2500,
        outer_learning_rate=5e-4,
        initial_preset="maml_conv4_omniglot_5way_1shot",
    ),
    "omniglot_5way_1shot_first_order": _OMNIGLOT.replace(
        num_shots=1, steps=20000, first_cycle_steps=14000, first_order=True
    ),
}
