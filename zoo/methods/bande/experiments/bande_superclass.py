"""Clusters against means where labels are alphabets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Cell, Scale
from metazoo.methods.bande.experiments.bande_settings import (
    TEST_SEED,
    is_small,
    source,
    training,
)

if TYPE_CHECKING:
    from metazoo.experiments import Bench


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


def measure_test(test: Test, seed: int, bench: Bench, learner: Any) -> Any:
    """Accuracy and number of clusters; see `bande_measures`."""
    from metazoo.data import EpisodeSampler, SuperClassSampler
    from metazoo.methods.bande.bande_measures import accuracy_and_clusters

    data = bench.dataset(test.dataset, test.split)
    shared: dict[str, Any] = {
        "num_shots": test.num_shots,
        "num_queries": test.num_queries,
        "seed": TEST_SEED + seed,
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
    dataset, split = source(scale)
    ways, subclasses = (3, 3) if is_small(scale) else (10, 10)
    alphabets = Test(dataset, split, ways, subclasses)
    characters = Test(dataset, split, 3 if is_small(scale) else 20)
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
