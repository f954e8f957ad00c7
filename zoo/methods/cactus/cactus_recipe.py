"""Recipes of CACTUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.methods.cactus.cactus_acai_recipe import ACAIRecipe
from metazoo.methods.cactus.cactus_deepcluster_recipe import (
    DeepClusterRecipe,
)
from metazoo.methods.cactus.cactus_partition_recipe import (
    KINDS,
    PartitionRecipe,
)
from metazoo.recipes.conv4 import Conv4Settings
from metazoo.recipes.descent import DescentSettings
from metazoo.recipes.episodic import (
    EpisodicRecipe,
    require_choice,
    require_counts,
)
from metazoo.recipes.unlabelled import UnlabelledTraining

if TYPE_CHECKING:
    import keras

    from metazoo.contracts.episodic import EpisodicLearner
    from metazoo.data import ClassDataset

STAGE = "partitions"
ORACLE = "oracle"
LEARNERS = ("maml", "protonet")


@dataclass(frozen=True)
class CACTUsRecipe(
    UnlabelledTraining, DescentSettings, Conv4Settings, EpisodicRecipe
):
    """Hyper-parameters of CACTUs: embedding, then partitions, then tasks.

    Attributes:
        learner: "maml" (`CACTUs`) or "protonet" (`CACTUsProtoNet`).
        kind: what training tasks are made of: "kmeans"; or a control:
            "random", "hyperplanes", or "oracle" for the true labels.
        representation: recipe of the embedding, trained on the same images;
            None for whitened pixels or a file.
        embeddings_file: see `PartitionRecipe`.
        partitions_preset: folder that holds `partitions.npz`, instead of
            the stages.
        standardize: see `PartitionRecipe`.
        num_clusters: k.
        num_partitions: P.
        clusterer: "kmeans" or "minibatch".
        margin: of hyperplanes; see `PlaneSettings`.
        through_origin: of hyperplanes; see `PlaneSettings`.
        downsampling: "stride" or "max_pool"; see `conv4`.
        pooling: "average" or "flatten"; see `conv4`.
        halved: images are averaged over squares of two by two first.
        first_order: leave out second derivatives.
        head_initializer: "normal" or "glorot"; see `CACTUs`.
        clip_elements: bound on each element of the outer gradient, or None.
    """

    rotations: bool = False
    num_ways: int = 20
    inner_steps: int = 5
    inner_learning_rate: float = 0.05
    predict_steps: int = 50
    final_learning_rate_scale: float = 1.0
    filters: int = 32
    learner: str = "maml"
    kind: str = "kmeans"
    representation: EpisodicRecipe | None = None
    embeddings_file: str | None = None
    partitions_preset: str | None = None
    standardize: bool = False
    num_clusters: int = 500
    num_partitions: int = 50
    clusterer: str = "kmeans"
    margin: float = 0.0
    through_origin: bool = False
    downsampling: str = "stride"
    pooling: str = "average"
    halved: bool = False
    first_order: bool = False
    head_initializer: str = "normal"
    clip_elements: float | None = None

    def __post_init__(self) -> None:
        """Refuses fields that can't be used.

        Raises:
            RecipeError: one is out of range.
        """
        super().__post_init__()
        require_counts(self, "num_clusters", "num_partitions", "inner_steps")
        require_choice(self, "learner", LEARNERS)
        require_choice(self, "kind", (*KINDS, ORACLE))

    def stages(self) -> Mapping[str, EpisodicRecipe]:
        """The partitions, which have the embedding for a stage."""
        if self.kind == ORACLE or self.partitions_preset is not None:
            return {}
        return {STAGE: self.partition_recipe()}

    def with_presets(self, presets: Mapping[str, str]) -> Self:
        """This recipe with the partitions that were made.

        Args:
            presets: folder of the stage "partitions".
        """
        return self.replace(partitions_preset=presets[STAGE])

    def partition_recipe(self) -> PartitionRecipe:
        """How the same images are grouped."""
        # Of all kinds, only planes are drawn for a number of ways: learners
        # of different ways share the others.
        planes = self.kind == "hyperplanes"
        return self.stage(
            PartitionRecipe,
            **({"num_ways": self.num_ways} if planes else {}),
            kind=self.kind,
            representation=self._embedding_recipe(),
            embeddings_file=self.embeddings_file,
            standardize=self.standardize,
            num_clusters=self.num_clusters,
            num_partitions=self.num_partitions,
            min_size=self.fixed_shots + self.num_queries,
            clusterer=self.clusterer,
            margin=self.margin,
            through_origin=self.through_origin,
        )

    def _embedding_recipe(self) -> EpisodicRecipe | None:
        """That of the embedding, on the same images."""
        if self.representation is None:
            return None
        names = ("dataset", "split", "val_split", "rotations")
        shared = {name: getattr(self, name) for name in names}
        return self.representation.replace(**shared)

    @property
    def hides_classes(self) -> bool:
        """The oracle is told of them."""
        return self.kind != ORACLE

    def training_source(self, data: ClassDataset) -> Any:
        """Tasks of clusters; of classes for the oracle.

        Args:
            data: the training images.
        """
        if self.kind == ORACLE:
            return super().training_source(data)
        from metazoo.data.unlabelled import unlabelled
        from metazoo.methods.cactus.cactus_partitions import load_partitions
        from metazoo.methods.cactus.cactus_sampler import PartitionSampler

        if self.partitions_preset is None:
            partitions = self.partition_recipe().partitions_of(data)
        else:
            partitions = load_partitions(self.partitions_preset)
        return PartitionSampler(
            unlabelled(data),
            partitions,
            num_ways=self.num_ways,
            num_shots=self.fixed_shots,
            num_queries=self.num_queries,
            seed=self.seed,
        )

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds an untrained backbone.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.methods.cactus.cactus_backbone import cactus_backbone

        height, width, channels = example_shape
        return cactus_backbone(
            (height, width, channels),
            self.filters,
            self.rescaling,
            halved=self.halved,
            downsampling=self.downsampling,
            pooling=self.pooling,
            normalization="batch" if self.learner == "protonet" else "offset",
        )

    def build_learner(self, example_shape: tuple[int, ...]) -> EpisodicLearner:
        """Builds the untrained learner.

        Args:
            example_shape: shape of one raw example.
        """
        backbone = self.build_backbone(example_shape)
        if self.learner == "protonet":
            from metazoo.methods.cactus.cactus_protonet import CACTUsProtoNet

            return CACTUsProtoNet(backbone, name="cactus_protonet")
        from metazoo.methods.cactus.cactus_model import CACTUs

        return CACTUs(
            backbone,
            num_ways=self.num_ways,
            first_order=self.first_order,
            head_initializer=self.head_initializer,
            name="cactus",
            **self.descent_options(),
        )

    def compile_options(self) -> dict[str, Any]:
        """Elements of the outer gradient are clipped, where asked."""
        return {"clip_elements": self.clip_elements}

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests."""
        small: dict[str, Any] = {
            "num_ways": 5,
            "inner_steps": 2,
            "predict_steps": 3,
            "filters": 4,
            "representation": None,
            "standardize": False,
            "num_clusters": 8,
            "num_partitions": 2,
            "halved": False,
            "keep_best": False,
        }
        return super().tiny(**{**small, **changes})


def with_embedding(
    recipe: CACTUsRecipe, embedding: ACAIRecipe | DeepClusterRecipe
) -> CACTUsRecipe:
    """A recipe on an embedding of the same images.

    Its seed stays 0: one embedding serves all seeds of a recipe.

    Args:
        recipe: without an embedding.
        embedding: recipe of the embedding, for any images.
    """
    trained = embedding.replace(rescaling=recipe.rescaling)
    # Codes of an autoencoder are scaled; whitened features have been.
    scaled = isinstance(embedding, ACAIRecipe)
    return recipe.replace(representation=trained, standardize=scaled)


# The numbers of the authors' scripts; ACAI and DeepCluster as their own
# authors trained them, at the sizes of these images.
PAPER_ACAI = ACAIRecipe(
    outer_learning_rate=1e-4,
    final_learning_rate_scale=1.0,
    steps=2**14 * 1024 // 64,
)
PAPER_DEEPCLUSTER = DeepClusterRecipe(
    size=64, widths=(96, 256, 384, 384, 256), clusterer="kmeans", rounds=500
)
PAPER_OMNIGLOT = CACTUsRecipe(
    split="background",
    rescaling=(-1 / 255, 1.0),
    num_tasks=8,
    steps=30000,
    num_partitions=100,
)
PAPER_MINI = CACTUsRecipe(
    dataset="mini_imagenet",
    num_ways=5,
    num_tasks=8,
    steps=60000,
    downsampling="max_pool",
    pooling="flatten",
    head_initializer="glorot",
    clip_elements=10.0,
)
PROTONET = {
    "learner": "protonet",
    "downsampling": "max_pool",
    "pooling": "flatten",
    "clip_elements": None,
}
PAPER_PROTONET = {**PROTONET, "filters": 64, "num_queries": 15, "num_tasks": 1}

# For two CPU cores.
ACAI = ACAIRecipe(outer_learning_rate=1e-3, steps=2000, warmup_steps=1000)
DEEPCLUSTER = {
    "omniglot": DeepClusterRecipe(augmentation="drawings"),
    "mini_imagenet": DeepClusterRecipe(size=42),
}
# With the paper's rates (and, for drawings, its head and mean over places) a
# thousand steps teach MAML next to nothing, even on labels; these were chosen
# on the validation classes, with the oracle's tasks.
OMNIGLOT = CACTUsRecipe(
    split="train",
    rescaling=(-1 / 255, 1.0),
    num_tasks=4,
    steps=1000,
    outer_learning_rate=5e-3,
    inner_learning_rate=0.02,
    pooling="flatten",
    head_initializer="glorot",
    final_learning_rate_scale=0.01,
    num_partitions=10,
)
QUICK_PROTONET = {
    **PROTONET,
    "num_tasks": 1,
    "steps": 1500,
    "outer_learning_rate": 1e-3,
}
# A third of the paper's clusters, as the packed copy has a third of its images:
# of 500, too many are left with six members or fewer.
MINI = PAPER_MINI.replace(
    num_tasks=4,
    steps=1000,
    outer_learning_rate=5e-3,
    inner_learning_rate=0.02,
    final_learning_rate_scale=0.01,
    num_clusters=167,
    num_partitions=10,
    halved=True,
)
# In 5 ways, 1,500 single tasks of photographs teach next to nothing even on
# labels; this too was chosen on validation classes, with the oracle's tasks.
MINI_PROTONET = {
    **QUICK_PROTONET,
    "num_ways": 20,
    "pooling": "average",
    "steps": 2000,
    "outer_learning_rate": 5e-3,
}


def with_acai(recipe: CACTUsRecipe) -> CACTUsRecipe:
    """A recipe for two cores on codes of an autoencoder.

    Args:
        recipe: without an embedding.
    """
    return with_embedding(recipe, ACAI)


def with_deepcluster(recipe: CACTUsRecipe) -> CACTUsRecipe:
    """A recipe for two cores on features of DeepCluster.

    Args:
        recipe: without an embedding.
    """
    return with_embedding(recipe, DEEPCLUSTER[recipe.dataset])


RECIPES = {
    "omniglot_maml": with_acai(OMNIGLOT),
    "omniglot_protonet": with_acai(OMNIGLOT.replace(**QUICK_PROTONET)),
    "mini_imagenet_maml": with_deepcluster(MINI),
    "mini_imagenet_protonet": with_deepcluster(MINI.replace(**MINI_PROTONET)),
    "paper_omniglot_maml": with_embedding(PAPER_OMNIGLOT, PAPER_ACAI),
    "paper_omniglot_protonet": with_embedding(
        PAPER_OMNIGLOT.replace(**PAPER_PROTONET), PAPER_ACAI
    ),
    "paper_mini_imagenet_maml": with_embedding(PAPER_MINI, PAPER_DEEPCLUSTER),
    "paper_mini_imagenet_protonet": with_embedding(
        PAPER_MINI.replace(**PAPER_PROTONET), PAPER_DEEPCLUSTER
    ),
}
