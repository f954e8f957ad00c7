"""Clusters of characters without any label."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Cell, Measurement, Scale
from metazoo.methods.bande.experiments.bande_settings import (
    TEST_SEED,
    is_small,
    source,
    training,
)

if TYPE_CHECKING:
    from metazoo.experiments import Bench

_CLASSES = (10, 100, 200)
_THRESHOLDS = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 120.0)


def measure_clustering(
    count: int, chosen: bool, seed: int, bench: Bench, learner: Any
) -> list[Measurement]:
    """Purity and NMI of 5 examples of each of `count` classes."""
    from metazoo.methods.bande.bande_measures import best_threshold, clustering

    dataset, split = source(bench.scale)
    episodes = max(2, min(bench.scale.episodes, 2000 // count))
    lam = 20.0
    if chosen:
        others = "train" if is_small(bench.scale) else "background"
        lam = best_threshold(
            learner,
            bench.dataset(dataset, others),
            count,
            _THRESHOLDS,
            max(2, episodes // 4),
        )
    data = bench.dataset(dataset, split)
    found = clustering(
        learner, data, count, lam, episodes, seed=TEST_SEED + seed
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
        for count in ((3, 5) if is_small(scale) else _CLASSES)
        for name, chosen in (("20", False), ("chosen", True))
    ]
