"""Recipes of prototypical networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from metazoo.recipes.conv4 import Conv4Recipe
from metazoo.recipes.prototype import PrototypeSettings


@dataclass(frozen=True)
class ProtoNetRecipe(PrototypeSettings, Conv4Recipe):
    """Hyper-parameters of prototypical networks; the backbone's are all."""

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests."""
        return super().tiny(**{"num_ways": 5, "num_queries": 3, **changes})


RECIPES = {
    # Section 3.1 trains on 60-way episodes of the Vinyals split and halves
    # the step size every 2,000 episodes; the cosine takes its place.
    "omniglot": ProtoNetRecipe(
        split="background",
        num_ways=60,
        num_shots=1,
        num_queries=5,
        steps=9000,
        first_cycle_steps=6000,
        rescaling=(-1 / 255, 1.0),
    ),
    # Section 3.2: 20-way 5-shot training for 5-way 5-shot testing.
    "mini_imagenet": ProtoNetRecipe(
        dataset="mini_imagenet",
        rotations=False,
        num_ways=20,
        num_shots=5,
        num_queries=15,
        steps=20000,
    ),
    "glyphs": ProtoNetRecipe(
        dataset="glyphs",
        num_ways=20,
        num_shots=1,
        num_queries=5,
        steps=1000,
        rescaling=(-1 / 255, 1.0),
    ),
}
