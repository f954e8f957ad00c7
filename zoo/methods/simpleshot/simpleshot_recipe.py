"""Recipes of SimpleShot: supervised training of backbones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.errors import RecipeError
from metazoo.recipe import EpisodicRecipe

if TYPE_CHECKING:
    import keras

    from metazoo.data import ClassDataset, LabelledSampler
    from metazoo.methods.simpleshot.simpleshot_model import SimpleShot


@dataclass(frozen=True)
class SimpleShotRecipe(EpisodicRecipe):
    """Hyper-parameters of SimpleShot.

    Training is supervised: `num_ways`, `num_shots` and `num_queries` are of
    the validation episodes alone. The step size falls along one cosine; the
    paper divides it by ten at half and three quarters of the training.

    Attributes:
        num_classes: training classes.
        num_examples: images of a training task; a step takes `num_tasks` of
            them (section 4.1: 256 images a step).
        augment: crop, mirror and recolour images at random (section 4.1).
        label_smoothing: share of each target spread over all classes (the
            paper: none).
        momentum: of the gradient descent (the authors' code: 0.9).
        weight_decay: decoupled, a share of the step size (the authors'
            code: 1e-4 in the gradient).
        stem_filters: channels of the strided convolution at the front.
        filters: channels of the residual blocks.
        block_layers: 3x3 convolutions of a block.
        rescaling: (scale, offset) from raw pixels to what the net sees.
    """

    num_classes: int = 64
    num_examples: int = 64
    augment: bool = True
    label_smoothing: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 5e-3
    outer_learning_rate: float = 0.1
    rotations: bool = False
    keep_best: bool = True
    stem_filters: int | None = 32
    filters: tuple[int, ...] = (32, 64, 128, 160)
    block_layers: int = 2
    rescaling: tuple[float, float] = (1 / 127.5, -1.0)

    def build_learner(self, example_shape: tuple[int, ...]) -> SimpleShot:
        """Builds an untrained `SimpleShot` on a residual network.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.layers import resnet12
        from metazoo.methods.simpleshot.simpleshot_model import SimpleShot

        height, width, channels = example_shape
        backbone = resnet12(
            (height, width, channels),
            filters=self.filters,
            stem_filters=self.stem_filters,
            block_layers=self.block_layers,
            rescaling=self.rescaling,
        )
        return SimpleShot(
            backbone,
            num_classes=self.num_classes,
            label_smoothing=self.label_smoothing,
            name="simpleshot",
        )

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """Gradient descent with momentum along one cosine."""
        import keras

        schedule = keras.optimizers.schedules.CosineDecay(
            self.outer_learning_rate,
            self.steps,
            alpha=self.final_learning_rate_scale,
        )
        return keras.optimizers.SGD(
            schedule,
            momentum=self.momentum,
            nesterov=True,
            weight_decay=self.weight_decay,
            global_clipnorm=self.global_clipnorm,
        )

    def training_source(self, data: ClassDataset) -> LabelledSampler:
        """Labelled batches of the training classes.

        Args:
            data: the training classes.

        Raises:
            RecipeError: there are more than `num_classes`.
        """
        from metazoo.data import LabelledSampler

        if data.num_classes > self.num_classes:
            raise RecipeError(
                f"num_classes is {self.num_classes}; {data.name!r} "
                f"({data.split}) has {data.num_classes}."
            )
        return LabelledSampler(
            data,
            num_examples=self.num_examples,
            augment=self.augment,
            seed=self.seed,
        )

    def task_setting(self) -> dict[str, Any]:
        """What a training step is made of, for the preset's card."""
        names = ("num_classes", "num_examples", "num_tasks", "augment")
        return {name: getattr(self, name) for name in names}

    def tiny(self) -> Self:
        """A few small steps on glyphs, for tests."""
        return self.replace(
            dataset="glyphs",
            split="train",
            num_queries=3,
            num_tasks=2,
            num_classes=GLYPHS,
            num_examples=16,
            steps=10,
            outer_learning_rate=0.01,
            first_cycle_steps=None,
            initial_preset=None,
            stem_filters=None,
            filters=(8, 8),
            block_layers=1,
        )


# Characters of the procedural data set's training split.
GLYPHS = 720

RECIPES = {
    "mini_imagenet": SimpleShotRecipe(
        dataset="mini_imagenet",
        num_classes=64,
        num_shots=1,
        num_queries=15,
        steps=12000,
        label_smoothing=0.1,
    ),
}
