"""Recipes of learners on a Conv4 backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.recipe import EpisodicRecipe

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Conv4Recipe(EpisodicRecipe):
    """What the recipes of image learners on a Conv4 net share.

    Attributes:
        filters: channels of each block.
        rescaling: (scale, offset) from raw pixels to what the net sees.
    """

    filters: int = 64
    rescaling: tuple[float, float] = (1 / 255, 0.0)

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds an untrained backbone.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.layers import conv4

        height, width, channels = example_shape
        return conv4(
            (height, width, channels),
            filters=self.filters,
            rescaling=self.rescaling,
        )

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests.

        Args:
            **changes: fields of the method that are to be smaller too.
        """
        small: dict[str, Any] = {
            "dataset": "glyphs",
            "split": "train",
            "num_queries": 2,
            "num_tasks": 2,
            "steps": 10,
            "first_cycle_steps": None,
            "initial_preset": None,
            "filters": 8,
        }
        return self.replace(**{**small, **changes})
