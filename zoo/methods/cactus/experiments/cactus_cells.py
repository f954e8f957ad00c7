"""The rows that CACTUs's experiments have in common."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Cell, Measurement, Scale, Training
from metazoo.methods.cactus.cactus_partition_recipe import STAGE as EMBEDDING
from metazoo.methods.cactus.cactus_recipe import (
    ORACLE,
    PROTONET,
    STAGE,
    CACTUsRecipe,
    with_acai,
    with_deepcluster,
)
from metazoo.methods.cactus.experiments.cactus_comparisons import (
    COMPARISONS,
    NEIGHBOURS,
    PENALTIES,
)

if TYPE_CHECKING:
    import numpy as np

    from metazoo.data import ClassDataset
    from metazoo.experiments import Bench
    from metazoo.methods.cactus.experiments.cactus_tasks import Task

Setting = tuple[int, int]

EMBEDDINGS = {"acai": with_acai, "deepcluster": with_deepcluster}
SCRATCH = "scratch"
# Validation tasks of every choice; the perceptron takes its share of tasks.
_CHOOSING = 50
_MLP_SHARE = 4
_CHOOSING_SEED = 1000


@dataclass(frozen=True)
class CACTUsScale(Scale):
    """A scale that says what adaptation by gradient steps may cost.

    Attributes:
        support_images: of all tasks of a cell together, for learners that
            adapt by gradient steps; None for any number.
    """

    support_images: int | None = None

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
        return max(2, min(self.episodes, most))


@dataclass(frozen=True)
class Plan:
    """What an experiment compares.

    Attributes:
        maml: recipe of CACTUs-MAML without an embedding.
        protonet: fields that make it CACTUs-ProtoNets.
        settings: ways and shots of test tasks.
        margin: of hyperplanes.
    """

    maml: CACTUsRecipe
    settings: tuple[Setting, ...]
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
            return EMBEDDINGS[source](base)
        if source == "hyperplanes":
            changed = {"kind": source, "margin": self.margin}
            return with_acai(base).replace(**changed)
        if source == "pixels":
            return base
        # One random partition for each hundred tasks, as in the paper.
        many = max(1, base.steps * base.num_tasks // 100)
        return base.replace(kind=source, num_partitions=many)


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

    Two of them are no fields: "representation" holds fields of the
    embedding's recipe, each for those that have it, and "protonet" changes
    of that learner alone.
    """
    changes = dict(scale.changes)
    small = changes.pop("representation", {})
    own = changes.pop("protonet", {})
    if recipe.learner == "protonet":
        changes.update(own)
    if recipe.representation is not None:
        known = vars(recipe.representation)
        found = {k: v for k, v in small.items() if k in known}
        changed = recipe.representation.replace(**found)
        recipe = recipe.replace(representation=changed)
    return recipe.replace(**changes)


def _learner_cells(
    plan: Plan, scale: CACTUsScale, learner: str, source: str, seed: int
) -> list[Cell]:
    training = training_of(plan, scale, learner, source, seed)
    return [
        Cell(
            labels=_labels(learner, source, setting),
            seed=seed,
            measure=partial(
                measure_learner, plan, scale.tasks(setting), setting, seed
            ),
            training=training,
        )
        for setting in _settings(plan, training.recipe)
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
            found.append(Cell(labels, seed, measure))
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


def measure_learner(
    plan: Plan,
    tasks: int,
    setting: Setting,
    seed: int,
    bench: Bench,
    learner: Any,
) -> list[Measurement]:
    """Test accuracy of a trained learner.

    Args:
        plan: tells the data.
        tasks: test tasks of a learner that adapts by gradient steps.
        setting: ways and shots.
        seed: of the test tasks.
        bench: the place of the experiment.
        learner: the learner.
    """
    from metazoo.methods.cactus.experiments.cactus_scores import (
        both_accuracies,
        prototype_accuracy,
    )

    data = _test_data(plan.maml, bench)
    if not learner.adapts_by_gradient:
        found = prototype_accuracy(
            learner, data, *setting, bench.scale.episodes, seed
        )
        return [Measurement.of("accuracy", found, data)]
    both = both_accuracies(learner, data, *setting, tasks, seed)
    return [Measurement.of(name, v, data) for name, v in both.items()]


def measure_scratch(
    recipe: CACTUsRecipe,
    tasks: int,
    setting: Setting,
    bench: Bench,
    learner: Any,
) -> list[Measurement]:
    """Test accuracy of a net that adapts from random weights.

    Args:
        recipe: of CACTUs-MAML.
        tasks: test tasks.
        setting: ways and shots.
        bench: the place of the experiment.
        learner: none.
    """
    from metazoo.methods.cactus.experiments.cactus_scores import (
        both_accuracies,
        scratch_learner,
    )

    data = _test_data(recipe, bench)
    made = scratch_learner(recipe, data.image_shape)
    both = both_accuracies(made, data, *setting, tasks, recipe.seed)
    return [Measurement.of(name, v, data) for name, v in both.items()]


def measure_comparison(
    recipe: CACTUsRecipe,
    name: str,
    setting: Setting,
    seed: int,
    bench: Bench,
    learner: Any,
) -> list[Measurement]:
    """Test accuracy of a classifier on frozen vectors.

    What it has to choose, it chooses on tasks of the validation classes.

    Args:
        recipe: tells data and clusters.
        name: of the comparison.
        setting: ways and shots.
        seed: of the test tasks.
        bench: the place of the experiment.
        learner: whose backbone is the embedding.
    """
    from metazoo.methods.cactus.experiments.cactus_tasks import tasks_of

    data = _test_data(recipe, bench)
    count = bench.scale.episodes
    if name == "mlp":
        count = max(2, count // _MLP_SHARE)
    test = list(
        tasks_of(
            _features(recipe, bench, learner, "test"), *setting, count, seed
        )
    )
    found = _comparison(recipe, name, setting, bench, learner, test)
    return [Measurement.of("accuracy", found, data)]


def _comparison(
    recipe: CACTUsRecipe,
    name: str,
    setting: Setting,
    bench: Bench,
    learner: Any,
    test: Sequence[Task],
) -> np.ndarray:
    import numpy as np

    from metazoo.methods.cactus.experiments import cactus_comparisons as own
    from metazoo.methods.cactus.experiments.cactus_mlp import mlp_accuracy
    from metazoo.methods.cactus.experiments.cactus_tasks import tasks_of

    if name == "mlp":
        return mlp_accuracy(test, 0)
    if name == "cluster_matching":
        z = _features(recipe, bench, learner, recipe.split).images
        groups = own.clusters_of(z, recipe.num_clusters, recipe.clusterer, 0)
        return np.array([own.cluster_matching(t, groups) for t in test])
    classifier: Any = own.nearest_neighbour
    choices: tuple[Any, ...] = NEIGHBOURS
    if name == "linear":
        classifier, choices = own.linear, PENALTIES
    held_out = _features(recipe, bench, learner, recipe.val_split)
    tasks = list(
        tasks_of(
            held_out,
            *setting,
            min(_CHOOSING, bench.scale.episodes),
            _CHOOSING_SEED,
        )
    )
    choice = own.chosen(classifier, choices, tasks)
    return np.array([classifier(task, choice) for task in test])


def _test_data(recipe: CACTUsRecipe, bench: Bench) -> ClassDataset:
    return bench.dataset(recipe.dataset, "test")


def _features(
    recipe: CACTUsRecipe, bench: Bench, learner: Any, split: str
) -> ClassDataset:
    """Embeddings of a split, computed once for each trained learner."""
    from metazoo.feature_data import extract_features

    kept = vars(learner).setdefault("_cactus_features", {})
    if split not in kept:
        data = bench.dataset(recipe.dataset, split)
        kept[split] = extract_features(learner.backbone, data)
    return kept[split]
