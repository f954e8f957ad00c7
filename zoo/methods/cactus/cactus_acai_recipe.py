"""Recipe of ACAI, the embedding that is trained first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.errors import RecipeError
from metazoo.recipes.episodic import EpisodicRecipe, require_counts
from metazoo.recipes.unlabelled import UnlabelledTraining

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.methods.cactus.cactus_acai import ACAI


@dataclass(frozen=True)
class ACAIRecipe(UnlabelledTraining, EpisodicRecipe):
    """An autoencoder of unlabelled images.

    `num_ways`, `num_shots` and `num_queries` are of validation episodes
    alone, which are watched and decide nothing.

    Attributes:
        rescaling: (scale, offset) from raw pixels to 0..1.
        size: height and width that the networks see.
        depth: channels of the first scale.
        scales: halvings of height and width.
        latent_channels: channels of the code.
        num_examples: images of a step.
        warmup_steps: see `ACAI`.
    """

    rotations: bool = False
    rescaling: tuple[float, float] = (1 / 255, 0.0)
    size: int = 32
    depth: int = 16
    scales: int = 3
    latent_channels: int = 16
    num_examples: int = 64
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        """Refuses fields that can't be used.

        Raises:
            RecipeError: one is out of range.
        """
        super().__post_init__()
        require_counts(
            self, "size", "depth", "scales", "latent_channels", "num_examples"
        )
        if self.size % 2**self.scales:
            raise RecipeError(
                f"size is {self.size}; it must be a multiple of "
                f"{2**self.scales} for {self.scales} halvings."
            )

    def build_learner(self, example_shape: tuple[int, ...]) -> ACAI:
        """Builds an untrained `ACAI`.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.methods.cactus.cactus_acai import ACAI
        from metazoo.methods.cactus.cactus_acai_nets import acai_nets

        height, width, channels = example_shape
        nets = acai_nets(
            (height, width, channels),
            self.size,
            self.rescaling,
            self.depth,
            self.scales,
            self.latent_channels,
        )
        return ACAI(**nets, warmup_steps=self.warmup_steps, name="acai")

    def training_source(self, data: ClassDataset) -> Any:
        """Batches of images.

        Args:
            data: the training images.
        """
        from metazoo.data import LabelledSampler
        from metazoo.data.unlabelled import unlabelled

        return LabelledSampler(
            unlabelled(data),
            num_examples=self.num_examples,
            seed=self.seed,
        )

    def compile_options(self) -> dict[str, Any]:
        """No accuracy: there are no labels."""
        return {"weighted_metrics": []}

    def task_setting(self) -> dict[str, Any]:
        """What a training step is made of, for the preset's card."""
        return {"num_examples": self.num_examples, "labels": "none"}

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests."""
        small: dict[str, Any] = {
            "size": 32,
            "depth": 2,
            "latent_channels": 2,
            "num_examples": 8,
            "num_tasks": 1,
        }
        return super().tiny(**{**small, **changes})
