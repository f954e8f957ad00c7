"""Recipes of SimpleShot: supervised training of backbones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.recipes.supervised import SupervisedConv4Recipe, SupervisedRecipe

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class SimpleShotRecipe(SupervisedRecipe):
    """Hyper-parameters of SimpleShot on a residual network.

    A step takes 256 images and augments them (section 4.1); the authors'
    code has a momentum of 0.9, a weight decay of 1e-4 in the gradient, and
    no label smoothing. The step size falls along one cosine; the paper
    divides it by ten at half and three quarters of the training.

    Attributes:
        stem_filters: channels of the strided convolution at the front.
        filters: channels of the residual blocks.
        block_layers: 3x3 convolutions of a block.
        rescaling: (scale, offset) from raw pixels to what the net sees.
    """

    stem_filters: int | None = 32
    filters: tuple[int, ...] = (32, 64, 128, 160)
    block_layers: int = 2
    rescaling: tuple[float, float] = (1 / 127.5, -1.0)

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds an untrained residual network.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.layers import resnet12

        height, width, channels = example_shape
        return resnet12(
            (height, width, channels),
            filters=self.filters,
            stem_filters=self.stem_filters,
            block_layers=self.block_layers,
            rescaling=self.rescaling,
        )

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests."""
        small: dict[str, Any] = {
            "stem_filters": None,
            "filters": (8, 8),
            "block_layers": 1,
        }
        return super().tiny(**{**small, **changes})


RECIPES = {
    "mini_imagenet": SimpleShotRecipe(
        dataset="mini_imagenet",
        num_classes=64,
        num_shots=1,
        num_queries=15,
        steps=12000,
        label_smoothing=0.1,
    ),
    # Turned characters are classes of their own: 964 x 4.
    "omniglot": SupervisedConv4Recipe(
        dataset="omniglot",
        split="background",
        rotations=True,
        num_classes=3856,
        num_ways=20,
        num_shots=1,
        num_queries=5,
        steps=4000,
        augment=False,
        label_smoothing=0.1,
        rescaling=(-1 / 255, 1.0),
        keep_best=False,
    ),
}
