"""Recipe of CAML's first stage: the metric network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metazoo.recipes.conv4 import Conv4Recipe
from metazoo.recipes.prototype import PrototypeSettings

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class MetricRecipe(PrototypeSettings, Conv4Recipe):
    """Nearest class centres in many ways, which shape the space at once.

    Attributes:
        widths: channels of the blocks of a residual network; none for a
            Conv4 net of `filters` channels.
    """

    widths: tuple[int, ...] = ()

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds the untrained metric network.

        Args:
            example_shape: (height, width, channels).
        """
        if not self.widths:
            return super().build_backbone(example_shape)
        from metazoo.layers import resnet12

        height, width, channels = example_shape
        return resnet12(
            (height, width, channels),
            filters=self.widths,
            rescaling=self.rescaling,
        )
