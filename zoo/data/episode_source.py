"""The sampler that fits a data set: episodes stay within a domain."""

from __future__ import annotations

from typing import Any

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.domain_sampler import DomainSampler
from metazoo.data.sampler import EpisodeSampler


def episode_sampler(
    dataset: ClassDataset,
    *,
    num_ways: int | tuple[int, int],
    num_shots: int | tuple[int, int],
    num_queries: int,
    seed: int = 0,
) -> EpisodeSampler | DomainSampler:
    """Makes an `EpisodeSampler`; a `DomainSampler` of a mixture of domains.

    Args:
        dataset: where classes and examples come from.
        num_ways: classes an episode, or an inclusive range; one number
            where the data set has domains.
        num_shots: support examples a class, likewise.
        num_queries: query examples a class.
        seed: of all episodes.

    Returns:
        The sampler.

    Raises:
        EpisodeError: a number is out of range, or the data set has too few
            classes or examples.
    """
    make: Any = DomainSampler if dataset.has_domains else EpisodeSampler
    return make(
        dataset,
        num_ways=num_ways,
        num_shots=num_shots,
        num_queries=num_queries,
        seed=seed,
    )
