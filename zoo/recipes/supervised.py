"""Recipes of supervised training: backbones, and nets to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.errors import RecipeError
from metazoo.recipes.conv4 import Conv4Settings
from metazoo.recipes.episodic import EpisodicRecipe

if TYPE_CHECKING:
    import keras

    from metazoo.contracts.episodic import EpisodicLearner
    from metazoo.data import ClassDataset, LabelledSampler

# Characters of the procedural data set's training split.
GLYPHS = 720


@dataclass(frozen=True)
class SupervisedRecipe(EpisodicRecipe):
    """A backbone with a linear layer, trained to tell classes apart.

    `num_ways`, `num_shots` and `num_queries` are of the validation episodes
    alone. A subclass says which backbone, by `build_backbone`.

    Attributes:
        num_classes: training classes.
        num_examples: images of a training task; a step takes `num_tasks` of
            them.
        augment: crop, mirror and recolour images at random.
        label_smoothing: share of each target spread over all classes.
        momentum: of the gradient descent.
        weight_decay: decoupled, a share of the step size.
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

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds an untrained backbone.

        Args:
            example_shape: shape of one raw example.
        """
        raise NotImplementedError

    def build_learner(self, example_shape: tuple[int, ...]) -> EpisodicLearner:
        """Builds an untrained `SimpleShot`, which holds the linear layer.

        Args:
            example_shape: shape of one raw example.
        """
        from metazoo.registry import get_method

        return get_method("simpleshot").load_model_class()(
            self.build_backbone(example_shape),
            num_classes=self.num_classes,
            label_smoothing=self.label_smoothing,
            name="simpleshot",
        )

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """Gradient descent with momentum along `learning_rate`."""
        import keras

        return keras.optimizers.SGD(
            self.learning_rate(),
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

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests.

        Args:
            **changes: fields of the backbone that are to be smaller too.
        """
        small: dict[str, Any] = {
            "num_queries": 3,
            "num_classes": GLYPHS,
            "num_examples": 16,
            "outer_learning_rate": 0.01,
        }
        return super().tiny(**{**small, **changes})


@dataclass(frozen=True)
class SupervisedConv4Recipe(Conv4Settings, SupervisedRecipe):
    """The net to compare few-shot learners on a Conv4 backbone with."""

    rescaling: tuple[float, float] = (1 / 127.5, -1.0)

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests.

        Args:
            **changes: fields that are to be smaller too.
        """
        return super().tiny(**{"filters": 8, **changes})
