"""What is measured of each row of CACTUs's experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Measurement
from metazoo.methods.cactus.experiments.cactus_comparisons import (
    NEIGHBOURS,
    PENALTIES,
)

if TYPE_CHECKING:
    import numpy as np

    from metazoo.data import ClassDataset
    from metazoo.experiments import Bench
    from metazoo.methods.cactus.cactus_recipe import CACTUsRecipe
    from metazoo.methods.cactus.experiments.cactus_tasks import Task

Setting = tuple[int, int]

# Validation tasks of every choice; the perceptron takes its share of tasks.
_CHOOSING = 50
_MLP_SHARE = 4
_CHOOSING_SEED = 1000


def measure_learner(
    recipe: CACTUsRecipe,
    tasks: int,
    setting: Setting,
    bench: Bench,
    learner: Any,
) -> list[Measurement]:
    """Test accuracy of a trained learner.

    Args:
        recipe: of the learner; its seed is that of the test tasks.
        tasks: test tasks of a learner that adapts by gradient steps.
        setting: ways and shots.
        bench: the place of the experiment.
        learner: the learner.
    """
    from metazoo.methods.cactus.experiments.cactus_scores import (
        both_accuracies,
        prototype_accuracy,
    )

    data, seed = _test_data(recipe, bench), recipe.seed
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
    from metazoo.data.features import extract_features

    kept = vars(learner).setdefault("_cactus_features", {})
    if split not in kept:
        data = bench.dataset(recipe.dataset, split)
        kept[split] = extract_features(learner.backbone, data)
    return kept[split]
