"""Recipe of CAML's first stage: the metric network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metazoo.recipes.conv4 import Conv4Recipe

if TYPE_CHECKING:
    import keras

    from metazoo.contracts.episodic import EpisodicLearner


@dataclass(frozen=True)
class MetricRecipe(Conv4Recipe):
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

    def build_learner(self, example_shape: tuple[int, ...]) -> EpisodicLearner:
        """Builds an untrained `ProtoNet`, whose loss is that of the stage.

        Args:
            example_shape: shape of one raw example.
        """
        from metazoo.registry import get_method

        return get_method("protonet").load_model_class()(
            self.build_backbone(example_shape), name="protonet"
        )
