"""The rows that CACTUs's experiments have in common."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from metazoo.experiments import Cell, Scale, Training
from metazoo.methods.cactus.cactus_acai_recipe import ACAIRecipe
from metazoo.methods.cactus.cactus_deepcluster_recipe import DeepClusterRecipe
from metazoo.methods.cactus.cactus_partition_recipe import STAGE as EMBEDDING
from metazoo.methods.cactus.cactus_recipe import (
    ORACLE,
    PROTONET,
    STAGE,
    CACTUsRecipe,
    with_embedding,
)
from metazoo.methods.cactus.experiments.cactus_comparisons import COMPARISONS
from metazoo.methods.cactus.experiments.cactus_measures import (
    Setting,
    measure_comparison,
    measure_learner,
    measure_scratch,
)

EMBEDDINGS = ("acai", "deepcluster")
SCRATCH = "scratch"


@dataclass(frozen=True)
class CACTUsScale(Scale):
    """A scale that says what adaptation by gradient steps may cost.

    Attributes:
        support_images: of all tasks of a cell together, for learners that
            adapt by gradient steps; None for any number.
        least_tasks: test tasks of a cell, however large they are: an interval
            over a few says nothing.
        plan: recipes of this scale; None for those of the experiment.
    """

    support_images: int | None = None
    least_tasks: int = 40
    plan: Plan | None = None

    def tasks(self, setting: Setting, steps: int = 50) -> int:
        """Test tasks of a learner that adapts by gradient steps.

        Args:
            setting: ways and shots.
            steps: gradient steps, compared with 50.
        """
        if self.support_images is None:
            return self.episodes
        ways, shots = setting
        most = self.support_images * 50 // (steps * ways * shots)
        return min(self.episodes, max(self.least_tasks, most))


@dataclass(frozen=True)
class Plan:
    """What an experiment compares.

    Attributes:
        maml: recipe of CACTUs-MAML without an embedding.
        settings: ways and shots of test tasks.
        embeddings: recipe of each of `EMBEDDINGS`.
        protonet: fields that make it CACTUs-ProtoNets.
        margin: of hyperplanes.
    """

    maml: CACTUsRecipe
    settings: tuple[Setting, ...]
    embeddings: Mapping[str, ACAIRecipe | DeepClusterRecipe]
    protonet: Any = None
    margin: float = 0.2

    def recipe(self, learner: str, source: str, seed: int) -> CACTUsRecipe:
        """Recipe of a row.

        Args:
            learner: "maml" or "protonet".
            source: an embedding, a control, or the oracle.
            seed: of partitions, tasks and weights.
        """
        base = self.maml.replace(seed=seed)
        if learner == "protonet":
            base = base.replace(**(self.protonet or PROTONET))
        if source in EMBEDDINGS:
            return with_embedding(base, self.embeddings[source])
        if source == "hyperplanes":
            changed = {"kind": source, "margin": self.margin}
            acai = with_embedding(base, self.embeddings["acai"])
            return acai.replace(**changed)
        if source == "pixels":
            return base
        return base.replace(kind=source)


SOURCES = {
    "protonet": (*EMBEDDINGS, "pixels", "hyperplanes", "random", ORACLE),
    "maml": (*EMBEDDINGS, ORACLE),
}


def cells(plan: Plan, scale: CACTUsScale) -> list[Cell]:
    """All rows: learners by source of tasks, comparisons, and scratch.

    Every seed has test tasks of its own, the same for all of its rows. One
    embedding of each kind serves all seeds.

    Args:
        plan: what to compare.
        scale: how much to do.
    """
    found: list[Cell] = []
    for name in EMBEDDINGS:
        found += _comparison_cells(plan, scale, name)
    found += _scratch_cells(plan, scale)
    for seed, learner in itertools.product(scale.seeds, SOURCES):
        for source in SOURCES[learner]:
            found += _learner_cells(plan, scale, learner, source, seed)
    return found


def training_of(
    plan: Plan, scale: CACTUsScale, learner: str, source: str, seed: int
) -> Training:
    """The model of a row, with what it shares with others.

    Args:
        plan: what to compare.
        scale: how much to do.
        learner: "maml" or "protonet".
        source: of its tasks.
        seed: of partitions, tasks and weights.
    """
    recipe = _scaled(plan.recipe(learner, source, seed), scale)
    stages: tuple[tuple[str, Training], ...] = ()
    if STAGE in recipe.stages():
        part = recipe.partition_recipe()
        # Both learners of a seed share partitions where these agree.
        kinds = {
            _scaled(plan.recipe(one, source, seed), scale).partition_recipe()
            for one in SOURCES
        }
        owner = "" if len(kinds) == 1 else f"_{learner}"
        name = f"{source}_partitions{owner}_{seed}"
        below = tuple(
            (EMBEDDING, embedding_of(part.representation))
            for _ in part.stages()
        )
        stages = ((STAGE, Training(name, part, below)),)
    return Training(f"{source}_{learner}_{seed}", recipe, stages)


def embedding_of(representation: Any) -> Training:
    """The embedding that all seeds share.

    Args:
        representation: its recipe.
    """
    kind = type(representation).__name__.removesuffix("Recipe").lower()
    return Training(kind, representation)


def _scaled(recipe: CACTUsRecipe, scale: Scale) -> CACTUsRecipe:
    """A recipe with the changes of a scale.

    One of them is no field: "representation" holds fields of the embedding's
    recipe, each for those that have it.
    """
    changes = dict(scale.changes)
    small = changes.pop("representation", {})
    if recipe.representation is not None:
        known = vars(recipe.representation)
        found = {k: v for k, v in small.items() if k in known}
        changed = recipe.representation.replace(**found)
        recipe = recipe.replace(representation=changed)
    recipe = recipe.replace(**changes)
    if recipe.kind != "random" or "num_partitions" in changes:
        return recipe
    # One random partition for each hundred tasks, as in the paper.
    many = max(1, recipe.steps * recipe.num_tasks // 100)
    return recipe.replace(num_partitions=many)


def _learner_cells(
    plan: Plan, scale: CACTUsScale, learner: str, source: str, seed: int
) -> list[Cell]:
    training = training_of(plan, scale, learner, source, seed)
    recipe = _scaled(plan.recipe(learner, source, seed), scale)
    return [
        Cell(
            labels=_labels(learner, source, setting),
            seed=seed,
            measure=partial(
                measure_learner, recipe, scale.tasks(setting), setting
            ),
            training=training,
        )
        for setting in _settings(plan, recipe)
    ]


def _scratch_cells(plan: Plan, scale: CACTUsScale) -> list[Cell]:
    from metazoo.methods.cactus.experiments.cactus_scores import SCRATCH_STEPS

    found = []
    for setting in _settings(plan, _scaled(plan.maml, scale)):
        tasks = scale.tasks(setting, 2 * SCRATCH_STEPS)
        for seed in scale.seeds:
            recipe = _scaled(plan.recipe("maml", ORACLE, seed), scale)
            measure = partial(measure_scratch, recipe, tasks, setting)
            labels = _labels(SCRATCH, "none", setting)
            found.append(Cell(labels, seed, measure, setting=recipe))
    return found


def _comparison_cells(
    plan: Plan, scale: CACTUsScale, source: str
) -> list[Cell]:
    recipe = _scaled(plan.recipe("maml", source, 0), scale)
    embedding = embedding_of(recipe.partition_recipe().representation)
    pairs = itertools.product(COMPARISONS, _settings(plan, recipe), scale.seeds)
    return [
        Cell(
            labels=_labels(name, source, setting),
            seed=seed,
            measure=partial(measure_comparison, recipe, name, setting, seed),
            training=embedding,
        )
        for name, setting, seed in pairs
    ]


def _settings(plan: Plan, recipe: CACTUsRecipe) -> list[Setting]:
    """Settings that the head of a recipe is wide enough for."""
    return [one for one in plan.settings if one[0] <= recipe.num_ways]


def _labels(learner: str, source: str, setting: Setting) -> dict[str, Any]:
    ways, shots = setting
    return {
        "learner": learner,
        "source": source,
        "ways": ways,
        "shots": shots,
    }
