"""The papers' claims about BANDE as experiments; see `metazoo bench`.

All tests draw from evaluation alphabets of Omniglot; trainings use the
background alphabets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Cell, Experiment, Measurement, Scale, Training
from metazoo.methods.bande.bande_recipe import RECIPES

if TYPE_CHECKING:
    from metazoo.experiments import Bench

# A prototypical network is soft k-means without unlabelled points: with
# this variance a log density is the negative squared distance.
MODES: dict[str, dict[str, Any]] = {
    "protonet": {"mode": "kmeans-refine", "sigma": 0.5, "learn_sigma": False},
    "bande": {"mode": "bande"},
    "soft-nn": {"mode": "soft-nn"},
    "bande-first-cluster": {"mode": "bande", "cluster_rule": "first_cluster"},
    "dp-means-hard": {"mode": "dp-means-hard", "learn_sigma": False},
    "kmeans-distractor": {
        "mode": "kmeans-distractor",
        "sigma": 1.0,
        "learn_sigma": False,
        "sigma_unlabeled": 100.0,
        "learn_sigma_unlabeled": True,
    },
}
# Seeds of test episodes are none of a training.
_TEST_SEED = 10_000
_CLASSES = (10, 100, 200)
_THRESHOLDS = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)

SCALES = {
    "two_cores": Scale(
        seeds=(0, 1, 2),
        episodes=500,
        changes={
            "filters": 32,
            "steps": 3000,
            "halve_from": 1500,
            "halve_every": 500,
            "num_queries": 2,
        },
    ),
    "paper": Scale(seeds=(0, 1, 2), episodes=500),
    "tiny": Scale(
        seeds=(0,),
        episodes=3,
        changes={
            "dataset": "glyphs",
            "split": "train",
            "rotations": False,
            "num_ways": 3,
            "num_subclasses": 3,
            "num_queries": 1,
            "filters": 4,
            "steps": 2,
        },
    ),
}


@dataclass(frozen=True)
class Test:
    """Where a cell draws its episodes from.

    Attributes:
        dataset: what `load_dataset` understands.
        split: its split.
        num_ways: classes or super-classes of an episode.
        num_subclasses: classes of each super-class; None for classes.
        num_shots: support examples a class.
        num_queries: query examples a class.
    """

    dataset: str
    split: str
    num_ways: int
    num_subclasses: int | None = None
    num_shots: int = 1
    num_queries: int = 5


def training(name: str, recipe: str, mode: str, scale: Scale, seed: int) -> Any:
    """One of the models: a recipe in a mode, at a scale.

    Args:
        name: of the training set, for the folder.
        recipe: name of the recipe.
        mode: one of `MODES`.
        scale: whose changes apply.
        seed: of the training.
    """
    changed = RECIPES[recipe].replace(seed=seed, **MODES[mode])
    changes = dict(scale.changes)
    if changed.episodes != "superclasses":
        # The super-classes' queries are many; these are few.
        changes.pop("num_queries", None)
    folder = f"{name}_{mode}_{seed}".replace("-", "_")
    return Training(folder, changed.replace(**changes))


def _is_small(scale: Scale) -> bool:
    return scale.changes.get("dataset") == "glyphs"


def _source(scale: Scale) -> tuple[str, str]:
    return ("glyphs", "test") if _is_small(scale) else ("omniglot", "test")


def measure_test(test: Test, seed: int, bench: Bench, learner: Any) -> Any:
    """Accuracy and number of clusters; see `bande_measures`."""
    from metazoo.data import EpisodeSampler, SuperClassSampler
    from metazoo.methods.bande.bande_measures import accuracy_and_clusters

    data = bench.dataset(test.dataset, test.split)
    shared: dict[str, Any] = {
        "num_shots": test.num_shots,
        "num_queries": test.num_queries,
        "seed": _TEST_SEED + seed,
    }
    sampler: Any
    if test.num_subclasses is None:
        sampler = EpisodeSampler(data, num_ways=test.num_ways, **shared)
    else:
        sampler = SuperClassSampler(
            data,
            num_ways=test.num_ways,
            num_subclasses=test.num_subclasses,
            **shared,
        )
    return accuracy_and_clusters(
        learner, sampler, test.num_ways, bench.scale.episodes
    )


def superclass_cells(scale: Scale) -> list[Cell]:
    """Trained on alphabets or characters, tested on both."""
    dataset, split = _source(scale)
    ways, subclasses = (3, 3) if _is_small(scale) else (10, 10)
    alphabets = Test(dataset, split, ways, subclasses)
    characters = Test(dataset, split, 3 if _is_small(scale) else 20)
    rows = [
        ("alphabets", "omniglot_alphabets", mode)
        for mode in ("protonet", "bande", "soft-nn")
    ] + [("characters", "omniglot", mode) for mode in ("protonet", "bande")]
    return [
        Cell(
            {"training": trained, "testing": tested, "mode": mode},
            seed,
            partial(measure_test, test, seed),
            training(trained, recipe, mode, scale, seed),
        )
        for seed in scale.seeds
        for trained, recipe, mode in rows
        for tested, test in (
            ("alphabets", alphabets),
            ("characters", characters),
        )
    ]


def measure_semi(
    num_ways: int,
    seed: int,
    unlabelled: bool,
    distractors: int,
    bench: Bench,
    learner: Any,
) -> list[Measurement]:
    """1-shot accuracy; queries called distractors are wrong."""
    from metazoo.data import SemiSupervisedSampler
    from metazoo.methods.bande.bande_measures import accuracy_and_clusters

    dataset, split = _source(bench.scale)
    sampler = SemiSupervisedSampler(
        bench.dataset(dataset, split),
        num_ways=num_ways,
        num_shots=1,
        num_queries=5,
        num_unlabeled=5,
        num_distractors=distractors,
        seed=_TEST_SEED + seed,
    )
    source: Any = sampler if unlabelled else _Labelled(sampler)
    return accuracy_and_clusters(
        learner, source, num_ways, bench.scale.episodes
    )


class _Labelled:
    """The same episodes without their unlabelled sets."""

    def __init__(self, sampler: Any) -> None:
        self.data = sampler.data
        self._sampler = sampler

    def dataset(self, num_tasks: int, num_batches: int) -> Any:
        """As `SeededSampler.dataset`."""

        episodes = self._sampler.dataset(num_tasks, num_batches=num_batches)
        nothing = {"unlabeled_x": None, "unlabeled_mask": None}
        return episodes.map(lambda episode: episode._replace(**nothing))


def semi_cells(scale: Scale) -> list[Cell]:
    """5-way 1-shot with 5 distractor classes, and without unlabelled sets."""
    ways, distractors = (3, 1) if _is_small(scale) else (5, 5)
    return [
        Cell(
            {"mode": mode, "unlabelled": name},
            seed,
            partial(measure_semi, ways, seed, given, distractors),
            training("semi", "omniglot_semi", mode, _semi(scale), seed),
        )
        for seed in scale.seeds
        for mode in ("protonet", "kmeans-distractor", "bande")
        for name, given in (("with distractors", True), ("none", False))
    ]


def _semi(scale: Scale) -> Scale:
    """The tiny scale has fewer unlabelled examples too."""
    if not _is_small(scale):
        return scale
    return scale.with_changes(num_unlabeled=2, num_distractors=1)


def measure_ways(
    ways: int | None, shots: int, seed: int, bench: Bench, learner: Any
) -> list[Measurement]:
    """Accuracy among very many classes, turned ones among them."""
    from metazoo.data import EpisodeSampler
    from metazoo.methods.bande.bande_measures import accuracy_and_clusters

    dataset, split = _source(bench.scale)
    data = bench.dataset(dataset, split, **_rotated(ways))
    ways = ways or data.num_classes
    sampler = EpisodeSampler(
        data,
        num_ways=ways,
        num_shots=shots,
        num_queries=1,
        seed=_TEST_SEED + seed,
    )
    # A large episode has as many queries as hundreds of small ones.
    episodes = max(3, min(bench.scale.episodes, 20_000 // ways))
    return accuracy_and_clusters(learner, sampler, ways, episodes)


def _rotated(ways: int | None) -> dict[str, bool]:
    return {"rotations": ways is None or ways > 500}


def many_way_cells(scale: Scale) -> list[Cell]:
    """Trained 5-way 1-shot, tested up to all characters and their turns."""
    counts: Sequence[int | None] = (5, 20, 100, 500, 1692, None)
    if _is_small(scale):
        counts = (3, 7)
    five = scale.with_changes(num_ways=3 if _is_small(scale) else 5)
    return [
        Cell(
            {"mode": mode, "ways": ways or "all", "shots": shots},
            seed,
            partial(measure_ways, ways, shots, seed),
            training("five-way", "omniglot", mode, five, seed),
        )
        for seed in scale.seeds
        for mode in ("protonet", "bande")
        for ways in counts
        for shots in (1, 5)
    ]


def measure_clustering(
    count: int, chosen: bool, seed: int, bench: Bench, learner: Any
) -> list[Measurement]:
    """Purity and NMI of 5 examples of each of `count` classes."""
    from metazoo.methods.bande.bande_measures import best_threshold, clustering

    dataset, split = _source(bench.scale)
    episodes = max(2, min(bench.scale.episodes, 2000 // count))
    lam = 20.0
    if chosen:
        others = "train" if _is_small(bench.scale) else "background"
        lam = best_threshold(
            learner,
            bench.dataset(dataset, others),
            count,
            _THRESHOLDS,
            max(2, episodes // 4),
        )
    data = bench.dataset(dataset, split)
    found = clustering(
        learner, data, count, lam, episodes, seed=_TEST_SEED + seed
    )
    return [*found, Measurement.of("threshold", [lam, lam], data)]


def unsupervised_cells(scale: Scale) -> list[Cell]:
    """Groups characters by a threshold of 20, or one chosen in training."""
    return [
        Cell(
            {"training": trained, "classes": count, "threshold": name},
            seed,
            partial(measure_clustering, count, chosen, seed),
            training(trained, recipe, "bande", scale, seed),
        )
        for seed in scale.seeds
        for trained, recipe in (
            ("alphabets", "omniglot_alphabets"),
            ("characters", "omniglot"),
        )
        for count in ((3, 5) if _is_small(scale) else _CLASSES)
        for name, chosen in (("20", False), ("chosen", True))
    ]


def many_shot_cells(scale: Scale) -> list[Cell]:
    """Many examples of each class: clusters, means, a supervised net."""
    from metazoo.methods.bande.bande_many_shot import (
        CIFAR_SHOTS,
        MINI_SHOTS,
        measure_cifar,
        measure_mini,
        measure_supervised,
    )

    small = _is_small(scale)
    mini, cifar = ("mini_imagenet", "test"), "cifar10"
    if small:
        mini, cifar = ("glyphs", "test"), "glyphs"
    found = []
    for seed in scale.seeds:
        test_seed = _TEST_SEED + seed
        for mode in ("protonet", "bande"):
            measures = {
                "mini": measure_mini(
                    mini,
                    3 if small else 5,
                    (1, 5) if small else MINI_SHOTS,
                    test_seed,
                ),
                "cifar": measure_cifar(
                    cifar, (2, 99) if small else CIFAR_SHOTS, 5, test_seed
                ),
            }
            for name, measure in measures.items():
                model = training(name, _MANY[name], mode, scale, seed)
                labels = {"data": name, "model": mode}
                found.append(Cell(labels, seed, measure, model))
        found.append(
            Cell(
                {"data": "cifar", "model": "supervised"},
                seed,
                measure_supervised(cifar),
                _supervised(scale, seed),
            )
        )
    return found


_MANY = {"mini": "mini_imagenet", "cifar": "cifar10"}


def _supervised(scale: Scale, seed: int) -> Training:
    """A network as large as the others', on as many images."""
    from metazoo.methods.bande.bande_many_shot import SupervisedRecipe

    few = scale.changes
    recipe = SupervisedRecipe(
        dataset=few.get("dataset", "cifar10"),
        split="train",
        num_classes=720 if _is_small(scale) else 10,
        steps=few.get("steps", RECIPES["cifar10"].steps),
        conv_filters=few.get("filters", 64),
        keep_best=False,
        seed=seed,
    )
    return Training(f"cifar_supervised_{seed}", recipe)


def _experiment(
    doc: str, cells: Callable[[Scale], Sequence[Cell]]
) -> Experiment:
    return Experiment(doc, cells, SCALES)


EXPERIMENTS: Mapping[str, Experiment] = {
    "superclass": _experiment(
        "clusters beat means where labels are alphabets, and equal them on "
        "characters",
        superclass_cells,
    ),
    "semi": _experiment(
        "unlabelled examples help in spite of distractors", semi_cells
    ),
    "many-way": _experiment(
        "trained 5-way, it tells all characters apart", many_way_cells
    ),
    "unsupervised": _experiment(
        "clusters of unlabelled characters agree with their classes",
        unsupervised_cells,
    ),
    "many-shot": _experiment(
        "from one to thousands of shots, clusters do not fall behind means",
        many_shot_cells,
    ),
}
