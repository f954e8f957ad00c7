"""Unlabelled examples among distractors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Cell, Claim, Measurement, Scale
from metazoo.methods.bande.experiments.bande_settings import (
    TEST_SEED,
    is_small,
    source,
    training,
)

if TYPE_CHECKING:
    from metazoo.experiments import Bench


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

    dataset, split = source(bench.scale)
    sampler = SemiSupervisedSampler(
        bench.dataset(dataset, split),
        num_ways=num_ways,
        num_shots=1,
        num_queries=5,
        num_unlabeled=5,
        num_distractors=distractors,
        seed=TEST_SEED + seed,
    )
    episodes: Any = sampler if unlabelled else _Labelled(sampler)
    return accuracy_and_clusters(
        learner, episodes, num_ways, bench.scale.episodes
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
    ways, distractors = (3, 1) if is_small(scale) else (5, 5)
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
    if not is_small(scale):
        return scale
    return scale.with_changes(num_unlabeled=2, num_distractors=1)


def _row(mode: str, unlabelled: str = "with distractors") -> dict[str, str]:
    return {"mode": mode, "unlabelled": unlabelled}


SEMI_CLAIMS = (
    Claim(
        "unlabelled examples help in spite of distractors",
        _row("bande"),
        _row("bande", "none"),
        least=0.0,
    ),
    Claim(
        "clusters of no class beat soft k-means that has none",
        _row("bande"),
        _row("protonet"),
        least=0.0,
    ),
    Claim(
        "many clusters for distractors beat one",
        _row("bande"),
        _row("kmeans-distractor"),
        least=0.0,
    ),
)
