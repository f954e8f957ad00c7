"""Many shots: mini-ImageNet from 1 to 50, CIFAR-10 from 2 to 5,000.

The workshop's claim is that as many clusters as the data ask for come near a
supervised network where examples abound. CIFAR-10's ten classes are those of
training and test alike; support comes from the training images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Cell, Claim, Measurement, Scale, Training
from metazoo.methods.bande.bande_recipe import RECIPES
from metazoo.methods.bande.experiments.bande_cifar import (
    CIFAR_SHOTS,
    measure_cifar,
    measure_supervised,
)
from metazoo.methods.bande.experiments.bande_settings import (
    TEST_SEED,
    at_shots,
    is_small,
    training,
)
from metazoo.recipes.supervised import GLYPHS, SupervisedConv4Recipe

if TYPE_CHECKING:
    from metazoo.experiments import Bench

MINI_SHOTS = (1, 5, 10, 20, 50)
# Recipe of each data set.
_MANY = {"mini": "mini_imagenet", "cifar": "cifar10"}


def many_shot_cells(scale: Scale) -> list[Cell]:
    """Many examples of each class: clusters, means, a supervised net."""
    small = is_small(scale)
    mini, cifar = ("mini_imagenet", "test"), "cifar10"
    if small:
        mini, cifar = ("glyphs", "test"), "glyphs"
    found = []
    for seed in scale.seeds:
        test_seed = TEST_SEED + seed
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


def _supervised(scale: Scale, seed: int) -> Training:
    """A network as large as the others', on as many images."""
    few = scale.changes
    recipe = SupervisedConv4Recipe(
        dataset=few.get("dataset", "cifar10"),
        split="train",
        num_classes=GLYPHS if is_small(scale) else 10,
        steps=few.get("steps", RECIPES["cifar10"].steps),
        filters=few.get("filters", 64),
        keep_best=False,
        seed=seed,
    )
    return Training(f"cifar_supervised_{seed}", recipe)


def measure_mini(
    dataset: tuple[str, str], ways: int, shots: Sequence[int], seed: int
) -> Any:
    """Makes the measure of few-way episodes of more and more shots.

    Args:
        dataset: specification and split.
        ways: classes an episode.
        shots: numbers of support examples a class.
        seed: of the episodes.
    """

    def measure(bench: Bench, learner: Any) -> list[Measurement]:
        from metazoo.data import EpisodeSampler
        from metazoo.methods.bande.bande_measures import accuracy_and_clusters

        data = bench.dataset(*dataset)
        found = []
        for count in shots:
            sampler = EpisodeSampler(
                data,
                num_ways=ways,
                num_shots=count,
                num_queries=5,
                seed=seed,
            )
            scores = accuracy_and_clusters(
                learner, sampler, ways, bench.scale.episodes
            )
            found += [at_shots(score, count) for score in scores[:2]]
        return found

    return measure


def _at(data: str, shots: int) -> Claim:
    return Claim(
        f"{data}: clusters are not behind means",
        {"data": data, "model": "bande"},
        {"data": data, "model": "protonet"},
        least=-0.01,
        metric=f"accuracy_{shots}_shot",
    )


MANY_SHOT_CLAIMS = (
    _at("mini", 1),
    _at("mini", 50),
    _at("cifar", 50),
    _at("cifar", 5000),
)
