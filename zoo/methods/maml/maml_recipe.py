"""Recipes of MAML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metazoo.recipes.conv4 import Conv4Recipe
from metazoo.recipes.descent import DescentSettings

if TYPE_CHECKING:
    from metazoo.methods.maml.maml_model import MAML


@dataclass(frozen=True)
class MAMLRecipe(DescentSettings, Conv4Recipe):
    """Hyper-parameters of MAML.

    Attributes:
        inner_steps: gradient steps in training (appendix A.1: 1).
        inner_learning_rate: alpha in the paper (appendix A.1: 0.4).
        predict_steps: gradient steps of `adapt`.
        first_order: leave out second derivatives (section 5.2).
    """

    inner_learning_rate: float = 0.4
    first_order: bool = False

    def build_learner(self, example_shape: tuple[int, ...]) -> MAML:
        """Builds an untrained `MAML` on a Conv4 backbone.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.methods.maml.maml_model import MAML

        return MAML(
            self.build_backbone(example_shape),
            num_ways=self.num_ways,
            first_order=self.first_order,
            name="maml",
            **self.descent_options(),
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
