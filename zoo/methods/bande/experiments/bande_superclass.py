"""Clusters against means where labels are alphabets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Cell, Claim, Picture, Scale
from metazoo.methods.bande.experiments.bande_settings import (
    TEST_SEED,
    is_small,
    source,
    training,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def _against(
    other: str,
    trained: str,
    tested: str,
    least: float | None,
    most: float | None = None,
) -> Claim:
    """BANDE minus another mode, trained and tested alike."""
    labels = {"training": trained, "testing": tested}
    return Claim(
        f"bande minus {other}, {trained} to {tested}",
        {**labels, "mode": "bande"},
        {**labels, "mode": other},
        least,
        most,
    )


# Table 2 of the ICML paper: 26.3, 9.6 and 0.2 points. That clusters are
# ahead of every example on its own is what "infinite" mixtures are for.
SUPERCLASS_CLAIMS = (
    _against("protonet", "alphabets", "alphabets", 0.15),
    _against("protonet", "alphabets", "characters", 0.05),
    _against("protonet", "characters", "characters", -0.025, 0.025),
    _against("soft-nn", "alphabets", "alphabets", 0.0),
    _against("soft-nn", "alphabets", "characters", 0.0),
)


def superclass_pictures(scale: Scale) -> list[Picture]:
    """Clusters of an alphabet that no training saw."""
    seed = scale.seeds[0]
    recipe = "omniglot_alphabets"
    return [
        Picture(
            "clusters",
            "clusters of one alphabet of the evaluation set",
            draw_clusters,
            training("alphabets", recipe, "bande", scale, seed),
        )
    ]


def draw_clusters(bench: Bench, learner: Any) -> Figure:
    """Draws the first alphabet of the test split.

    Args:
        bench: the place of the experiment.
        learner: a `BANDE` trained on alphabets.
    """
    from metazoo.data.superclass_sampler import superclass_names
    from metazoo.methods.bande.bande_picture import draw_alphabet

    data = bench.dataset(*source(bench.scale))
    return draw_alphabet(learner, data, superclass_names(data)[0])
