"""Recipes of learners on a Conv4 backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.recipes.episodic import EpisodicRecipe

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Conv4Settings:
    """Fields to mix into any recipe of a learner on a Conv4 backbone.

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


@dataclass(frozen=True)
class Conv4Recipe(Conv4Settings, EpisodicRecipe):
    """What the recipes of image learners on a Conv4 net share."""

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests.

        Args:
            **changes: fields of the method that are to be smaller too.
        """
        return super().tiny(**{"filters": 8, **changes})
