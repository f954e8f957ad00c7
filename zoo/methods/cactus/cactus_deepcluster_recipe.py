"""Recipe of DeepCluster, the embedding that clusters its own features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from metazoo.recipes.computed import ComputedRecipe, Report
from metazoo.recipes.episodic import require_choice, require_counts
from metazoo.recipes.unlabelled import UnlabelledTraining

if TYPE_CHECKING:
    import keras

    from metazoo.methods.cactus.cactus_representation import Representation


@dataclass(frozen=True)
class DeepClusterRecipe(UnlabelledTraining, ComputedRecipe):
    """A network that learns to tell apart the clusters of its own features.

    Each round groups whitened features of all images, and then classifies
    images by their group for one pass, with a fresh linear layer. `steps`
    and the fields of episodes are not used.

    Attributes:
        rescaling: (scale, offset) from raw pixels to 0..1.
        size: height and width that the network sees.
        widths: channels of its blocks.
        embedding_size: entries of a vector after whitening.
        num_clusters: groups of a round.
        clusterer: "kmeans" or "minibatch".
        rounds: how often groups are made.
        num_examples: images of a step.
        augmentation: "photos", "drawings" or "none"; see
            `BalancedSampler`.
        momentum: of the gradient descent.
        weight_decay: decoupled, a share of the step size.
    """

    rotations: bool = False
    outer_learning_rate: float = 0.05
    rescaling: tuple[float, float] = (1 / 255, 0.0)
    size: int = 32
    widths: tuple[int, ...] = (32, 64, 96, 128)
    embedding_size: int = 256
    num_clusters: int = 500
    clusterer: str = "minibatch"
    rounds: int = 12
    num_examples: int = 256
    augmentation: str = "photos"
    momentum: float = 0.9
    weight_decay: float = 1e-5

    def __post_init__(self) -> None:
        """Refuses fields that can't be used.

        Raises:
            RecipeError: one is out of range.
        """
        from metazoo.methods.cactus.cactus_balanced import AUGMENTATIONS
        from metazoo.methods.cactus.cactus_clusters import CLUSTERERS

        super().__post_init__()
        names = ("size", "embedding_size", "num_clusters", "rounds")
        require_counts(self, *names, "num_examples")
        require_choice(self, "clusterer", CLUSTERERS)
        require_choice(self, "augmentation", AUGMENTATIONS)

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds the untrained network.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.methods.cactus.cactus_deepcluster import edge_net

        height, width, channels = example_shape
        return edge_net(
            (height, width, channels), self.size, self.rescaling, self.widths
        )

    def build_learner(self, example_shape: tuple[int, ...]) -> Representation:
        """Builds the untrained network as a learner.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.methods.cactus.cactus_representation import (
            Representation,
        )

        return Representation(self.build_backbone(example_shape))

    def compute(
        self, folder: Path, data_dir: str | None, report: Report
    ) -> None:
        """Trains round by round; see `ComputedRecipe`.

        Args:
            folder: of the run; weights of each round go to `rounds/`.
            data_dir: folder of the data set, where it needs one.
            report: takes a line for each round.
        """
        from metazoo.methods.cactus.cactus_deepcluster import train_rounds

        train_rounds(self, folder, self.load_dataset(data_dir), report)

    def task_setting(self) -> dict[str, Any]:
        """What training is made of, for the preset's card."""
        names = ("num_examples", "num_clusters", "rounds")
        return {name: getattr(self, name) for name in names}

    def tiny(self, **changes: Any) -> Self:
        """Two small rounds on glyphs, for tests."""
        small: dict[str, Any] = {
            "size": 16,
            "widths": (2, 4),
            "embedding_size": 8,
            "num_clusters": 6,
            "rounds": 2,
            "num_examples": 16,
            "augmentation": "drawings",
        }
        return super().tiny(**{**small, **changes})
