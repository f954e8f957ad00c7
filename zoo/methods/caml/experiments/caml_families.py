"""Vectors whose classes differ by family in other directions, and a recipe.

Which features tell two classes apart depends on their family: that is the
class dependency CAML is to exploit.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from metazoo.methods.caml.caml_metric_recipe import MetricRecipe
from metazoo.methods.caml.caml_recipe import CAMLRecipe

if TYPE_CHECKING:
    import keras

    from metazoo.data import ClassDataset, EpisodeSampler

NUM_FEATURES = 48
NUM_FAMILIES = 6
NUM_FACTORS = 4
FAMILY_STD = 0.5
CLASS_STD = 1.5
NOISE = 0.6
NUM_CLASSES = 300
NUM_EXAMPLES = 40
SPLITS = ("train", "val", "test")
WIDTH = 64
_FRAME_SEED = 11


@functools.cache
def load_families(split: str = "train", seed: int = 0) -> ClassDataset:
    """Draws Gaussian classes in families; all splits share the families.

    A family has a random mean and a private orthonormal frame of 4
    directions in which its classes lie.

    Args:
        split: "train", "val" or "test"; they share no class.
        seed: of classes and examples; the families are always the same.

    Returns:
        float32 features [examples, 48], classes named `FAMILY/CLASS`.
    """
    from metazoo.data import ClassDataset

    means, frames = _families()
    rng = np.random.default_rng((seed, SPLITS.index(split)))
    family = np.arange(NUM_CLASSES) % NUM_FAMILIES
    codes = CLASS_STD * rng.standard_normal((NUM_CLASSES, NUM_FACTORS))
    centres = means[family] + np.einsum("cdf,cf->cd", frames[family], codes)
    noise = rng.standard_normal((NUM_CLASSES, NUM_EXAMPLES, NUM_FEATURES))
    drawn = centres[:, None] + NOISE * noise
    return ClassDataset(
        images=drawn.reshape(-1, NUM_FEATURES).astype(np.float32),
        class_offsets=np.arange(NUM_CLASSES + 1) * NUM_EXAMPLES,
        class_names=tuple(
            f"family{f}/{split}{i}" for i, f in enumerate(family)
        ),
        name="families",
        split=split,
    )


def _families() -> tuple[np.ndarray, np.ndarray]:
    """Means [families, features] and frames [families, features, factors]."""
    rng = np.random.default_rng(_FRAME_SEED)
    means = FAMILY_STD * rng.standard_normal((NUM_FAMILIES, NUM_FEATURES))
    drawn = rng.standard_normal((NUM_FAMILIES, NUM_FEATURES, NUM_FACTORS))
    return means, np.linalg.qr(drawn)[0]


def family_sampler(data: ClassDataset, **options: Any) -> EpisodeSampler:
    """Episodes of which half draw all their classes from one family.

    Args:
        data: of `load_families`.
        **options: as for `EpisodeSampler`.
    """
    from metazoo.methods.caml.experiments.caml_sampler import FamilySampler

    return FamilySampler(data, **options)


def dense_net(
    sizes: tuple[int, ...], last: int | None = None, conditional: bool = False
) -> keras.Model:
    """Dense layers, each with batch normalisation and ReLU.

    Args:
        sizes: units of each.
        last: units of a linear layer after them, or None.
        conditional: use `ConditionalBatchNormalization`.
    """
    import keras

    from metazoo.layers import (
        ConditionalBatchNormalization,
        ExactBatchNormalization,
    )

    norm = (
        ConditionalBatchNormalization
        if conditional
        else ExactBatchNormalization
    )
    layers: list[Any] = []
    for number, size in enumerate(sizes, 1):
        layers += [
            keras.layers.Dense(size, use_bias=False, name=f"block{number}"),
            norm(name=f"block{number}_norm"),
            keras.layers.ReLU(name=f"block{number}_relu"),
        ]
    if last is not None:
        layers.append(keras.layers.Dense(last, name="last"))
    return keras.Sequential([keras.Input((NUM_FEATURES,)), *layers])


@dataclass(frozen=True)
class FamilyMetricRecipe(MetricRecipe):
    """A three-layer metric network on `load_families`."""

    def load_dataset(
        self, data_dir: str | None, split: str | None = None
    ) -> ClassDataset:
        """Draws a split; there are no files."""
        return load_families(split or self.split)

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds the untrained metric network."""
        return dense_net((WIDTH, WIDTH), last=WIDTH // 2)

    def training_source(self, data: ClassDataset) -> Any:
        """Episodes, half of them of one family."""
        return _source(self, data)


@dataclass(frozen=True)
class FamilyRecipe(CAMLRecipe):
    """CAML and its controls on `load_families`."""

    dataset: str = "families"
    rotations: bool = False
    num_queries: int = 5
    num_tasks: int = 16
    steps: int = 1500
    outer_learning_rate: float = 2e-3
    normalization: str = "transductive"
    standardize: bool = False
    metric_ways: int = 20
    metric_queries: int = 15
    metric_tasks: int = 4
    metric_steps: int = 1500
    metric_learning_rate: float = 3e-3

    def load_dataset(
        self, data_dir: str | None, split: str | None = None
    ) -> ClassDataset:
        """Draws a split; there are no files."""
        return load_families(split or self.split)

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds the untrained base learner: dense blocks."""
        return dense_net((WIDTH, WIDTH), conditional=True)

    def metric_recipe(self) -> FamilyMetricRecipe:
        """How the metric network is trained."""
        return super().metric_recipe().as_recipe(FamilyMetricRecipe)

    def training_source(self, data: ClassDataset) -> Any:
        """Episodes, half of them of one family."""
        return _source(self, data)

    def value_range(self) -> None:
        """Vectors of any range."""

    def tiny(self, **changes: Any) -> Self:
        """A few small steps, for tests."""
        return super().tiny(**{"dataset": "families", **changes})


def _source(recipe: Any, data: ClassDataset) -> EpisodeSampler:
    return family_sampler(
        data,
        num_ways=recipe.num_ways,
        num_shots=recipe.num_shots,
        num_queries=recipe.num_queries,
        seed=recipe.seed,
    )
