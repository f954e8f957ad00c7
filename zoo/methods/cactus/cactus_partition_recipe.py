"""Recipe of the partitions: the second stage of CACTUs."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from metazoo.errors import RecipeError
from metazoo.recipes.computed import ComputedRecipe, Report
from metazoo.recipes.episodic import (
    EpisodicRecipe,
    require_choice,
    require_counts,
)
from metazoo.recipes.unlabelled import UnlabelledTraining

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.methods.cactus.cactus_partitions import Partitions

STAGE = "representation"
KINDS = ("kmeans", "random", "hyperplanes")
_PARTS = "parts"


@dataclass(frozen=True)
class PartitionRecipe(UnlabelledTraining, ComputedRecipe):
    """Labellings of unlabelled images. Fields of training are not used.

    Attributes:
        kind: "kmeans"; or a control: "random" or "hyperplanes".
        representation: recipe of the embedding, which is a stage of this;
            None where it comes from elsewhere.
        representation_preset: preset whose backbone is the embedding.
        embeddings_file: `.npy` file of one row for each image, in the order
            of the data set's reader. Without any of the three, whitened
            pixels are grouped.
        standardize: every dimension gets variance one first: for
            autoencoders, not for whitened embeddings.
        num_clusters: k, or the labels of random partitions.
        num_partitions: P.
        min_size: members that a cluster must have to be kept (R).
        clusterer: "kmeans" or "minibatch".
        margin: see `PlaneSettings`.
        through_origin: see `PlaneSettings`.
    """

    rotations: bool = False
    kind: str = "kmeans"
    representation: EpisodicRecipe | None = None
    representation_preset: str | None = None
    embeddings_file: str | None = None
    standardize: bool = False
    num_clusters: int = 500
    num_partitions: int = 50
    min_size: int = 6
    clusterer: str = "kmeans"
    margin: float = 0.0
    through_origin: bool = False

    def __post_init__(self) -> None:
        """Refuses fields that can't be used.

        Raises:
            RecipeError: one is out of range, or two of them name an
                embedding.
        """
        from metazoo.methods.cactus.cactus_clusters import CLUSTERERS

        super().__post_init__()
        require_counts(self, "num_clusters", "num_partitions", "min_size")
        require_choice(self, "kind", KINDS)
        require_choice(self, "clusterer", CLUSTERERS)
        if self.embeddings_file and (
            self.representation or self.representation_preset
        ):
            raise RecipeError(
                "embeddings_file and a representation are both given; the "
                "embedding is one of them."
            )

    def stages(self) -> Mapping[str, EpisodicRecipe]:
        """The embedding, where it is to be trained."""
        used = self.kind != "random" and self.representation_preset is None
        if not used or self.representation is None:
            return {}
        return {STAGE: self.representation}

    def with_presets(self, presets: Mapping[str, str]) -> Self:
        """This recipe with the embedding that was trained.

        Args:
            presets: folder of the preset of the stage "representation".
        """
        return self.replace(representation_preset=presets[STAGE])

    @property
    def hides_classes(self) -> bool:
        """Vectors of a file lie in the order of the reader."""
        return self.embeddings_file is None

    def compute(
        self, folder: Path, data_dir: str | None, report: Report
    ) -> None:
        """Makes what is missing of all partitions; see `ComputedRecipe`.

        Args:
            folder: of the run; finished partitions lie in `parts/`.
            data_dir: folder of the data set, where it needs one.
            report: takes a line for some of the partitions.
        """
        from metazoo.trainers.recipe_run import PRESET_NAME

        data = self.load_dataset(data_dir)
        found = self.partitions_of(data, folder / _PARTS, report)
        made = folder / f".{PRESET_NAME}.tmp-{uuid.uuid4().hex}"
        made.mkdir()
        found.save(made)
        os.replace(made, folder / PRESET_NAME)
        shutil.rmtree(folder / _PARTS, ignore_errors=True)

    def partitions_of(
        self,
        data: ClassDataset,
        parts: Path | None = None,
        report: Report = lambda line: None,
    ) -> Partitions:
        """Makes the partitions of a data set.

        Args:
            data: from the reader, or unlabelled; its classes are not looked
                at.
            parts: folder that keeps finished partitions, or None.
            report: takes a line for some of the partitions.

        Raises:
            DataError: the embedding does not fit the data, or can't be
                grouped so.
            ImportError: scikit-learn is needed and not installed.
        """
        from metazoo.methods.cactus.cactus_stage_b import make_partitions

        return make_partitions(self, data, parts, report)

    def task_setting(self) -> dict[str, Any]:
        """What the partitions are made of."""
        names = ("kind", "num_clusters", "num_partitions", "min_size")
        return {name: getattr(self, name) for name in names}
