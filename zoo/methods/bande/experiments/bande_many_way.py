"""Very many classes after training on few."""

from __future__ import annotations

from collections.abc import Sequence
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


def measure_ways(
    ways: int | None, shots: int, seed: int, bench: Bench, learner: Any
) -> list[Measurement]:
    """Accuracy among very many classes, turned ones among them."""
    from metazoo.data import EpisodeSampler
    from metazoo.methods.bande.bande_measures import accuracy_and_clusters

    dataset, split = source(bench.scale)
    data = bench.dataset(dataset, split, **_rotated(ways))
    ways = ways or data.num_classes
    sampler = EpisodeSampler(
        data,
        num_ways=ways,
        num_shots=shots,
        num_queries=1,
        seed=TEST_SEED + seed,
    )
    # A large episode has as many queries as hundreds of small ones.
    episodes = max(3, min(bench.scale.episodes, 20_000 // ways))
    return accuracy_and_clusters(learner, sampler, ways, episodes)


def _rotated(ways: int | None) -> dict[str, bool]:
    return {"rotations": ways is None or ways > 500}


def many_way_cells(scale: Scale) -> list[Cell]:
    """Trained 5-way 1-shot, tested up to all characters and their turns."""
    counts: Sequence[int | None] = (5, 20, 100, 500, 1692, None)
    if is_small(scale):
        counts = (3, 7)
    five = scale.with_changes(num_ways=3 if is_small(scale) else 5)
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


def _among_all(shots: int) -> Claim:
    labels: dict[str, str | int] = {"ways": "all", "shots": shots}
    return Claim(
        f"among all classes, {shots}-shot, clusters are not behind means",
        {**labels, "mode": "bande"},
        {**labels, "mode": "protonet"},
        least=-0.01,
    )


MANY_WAY_CLAIMS = (_among_all(1), _among_all(5))
