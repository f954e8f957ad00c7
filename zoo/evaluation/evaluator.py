"""Evaluates an episodic learner on many episodes of unseen classes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from metazoo.data import (
    ClassDataset,
    DomainSampler,
    EpisodeSampler,
    episode_sampler,
)
from metazoo.data.episode import Episode
from metazoo.data.mixture import domain_names
from metazoo.environment import hardware, library_versions
from metazoo.errors import EpisodeError, MetazooError
from metazoo.evaluation.records import QueryRecords
from metazoo.evaluation.result import EvaluationResult
from metazoo.losses import masked_cross_entropy
from metazoo.metrics.episodes import mean_interval, reliability
from metazoo.timing import time_calls

if TYPE_CHECKING:
    from metazoo.contracts.episodic import EpisodicLearner

Progress = Callable[[int, int], None]

# A batch of about this many examples fills a CPU core and stays in its cache.
_EXAMPLES_PER_BATCH = 320
_CHECKED_EXAMPLES = 64


def evaluate(
    learner: EpisodicLearner,
    dataset: ClassDataset,
    *,
    num_ways: int,
    num_shots: int,
    num_queries: int = 15,
    episodes: int = 600,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    tasks_per_batch: int | None = None,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Mean accuracy and its 95 % interval over episodes.

    Episodes of a mixture take all their classes from one domain.

    Args:
        learner: an episodic learner; it is not changed.
        dataset: classes to draw from, none of them seen in training.
        num_ways: classes an episode.
        num_shots: support examples a class.
        num_queries: query examples a class.
        episodes: episodes of each seed, 2 or more.
        seed: seed of the episodes.
        seeds: several seeds instead of `seed`.
        tasks_per_batch: episodes computed together; None chooses.
        progress: called with the episodes done and their total.

    Returns:
        The result.

    Raises:
        EpisodeError: the setting does not fit the data or the learner.
        MetazooError: the learner is not episodic.
    """
    started = time.perf_counter()
    seeds = (seed,) if seeds is None else tuple(seeds)
    check_setting(learner, dataset, num_ways, episodes, seeds)
    samplers = [
        episode_sampler(
            dataset,
            num_ways=num_ways,
            num_shots=num_shots,
            num_queries=num_queries,
            seed=one_seed,
        )
        for one_seed in seeds
    ]
    parts = _run_all(learner, samplers, episodes, tasks_per_batch, progress)
    return EvaluationResult(
        **_statistics(parts, seeds),
        **_origin(learner),
        episodes=episodes,
        seeds=seeds,
        ways=num_ways,
        shots=num_shots,
        queries=num_queries,
        transductive=bool(learner.transductive),
        dataset=dataset.name,
        split=dataset.split,
        fingerprint=dataset.fingerprint,
        num_classes=dataset.num_classes,
        adaptation_ms=_adaptation_ms(learner, samplers[0]),
        seconds=time.perf_counter() - started,
        hardware=hardware(),
        versions=library_versions(),
    )


def check_setting(
    learner: Any,
    dataset: ClassDataset,
    num_ways: int,
    episodes: int,
    seeds: Sequence[int],
) -> None:
    """Refuses what can't be evaluated, before any computation.

    Args:
        learner: the learner.
        dataset: the data set.
        num_ways: classes an episode.
        episodes: episodes of each seed.
        seeds: the seeds.

    Raises:
        EpisodeError: the setting does not fit.
        MetazooError: the learner is not episodic.
    """
    if getattr(learner, "contract", None) != "episodic":
        raise MetazooError(
            f"evaluate takes an episodic learner; {type(learner).__name__} "
            f"is {getattr(learner, 'contract', 'no learner')}."
        )
    if episodes < 2:
        raise EpisodeError(
            f"episodes must be 2 or more to give an interval; got {episodes}."
        )
    if not seeds or len(set(seeds)) != len(seeds):
        raise EpisodeError(f"seeds must be distinct; got {list(seeds)}.")
    if learner.num_ways is not None and num_ways > learner.num_ways:
        raise EpisodeError(
            f"num_ways is {num_ways}, but this {type(learner).__name__} tells "
            f"at most {learner.num_ways} classes apart; ask for "
            f"{learner.num_ways} or fewer (--ways), or use a learner without "
            "a fixed number of ways, such as a prototypical network."
        )
    if dataset.has_domains:
        _check_domains(dataset, num_ways)
    learner.checked_examples("dataset", dataset.images[:_CHECKED_EXAMPLES])


def _check_domains(dataset: ClassDataset, num_ways: int) -> None:
    """Refuses more ways than a domain has: its episodes would be easier."""
    domain, size = min(
        Counter(domain_names(dataset)).items(), key=lambda item: item[1]
    )
    if num_ways > size:
        raise EpisodeError(
            f"num_ways is {num_ways}, but domain {domain!r} of "
            f"{dataset.name!r} ({dataset.split}) has {size} classes; ask for "
            f"{size} or fewer (--ways), or leave that domain out."
        )


def make_step(
    learner: EpisodicLearner, num_ways: int
) -> Callable[[Episode], dict[str, tf.Tensor]]:
    """Compiles adaptation and prediction of a batch of episodes.

    Args:
        learner: the learner.
        num_ways: classes an episode.

    Returns:
        A function from an `Episode` to `query_y`, `classes`, `confidence`
        [tasks, query] and `loss` [tasks].
    """
    columns = learner.num_ways or num_ways

    @tf.function(autograph=False)
    def step(episode: Episode) -> dict[str, tf.Tensor]:
        state = learner.adapt_state(
            episode.support_x,
            episode.support_y,
            episode.support_mask,
            columns,
            **episode.unlabelled,
        )
        outputs = learner.outputs_from_state(episode.query_x, state)
        probabilities = outputs["probabilities"]
        return {
            "query_y": episode.query_y,
            "classes": outputs["classes"],
            "confidence": tf.reduce_max(probabilities, -1),
            "loss": masked_cross_entropy(
                episode.query_y, outputs["logits"], episode.query_mask
            ),
        }

    return step


class _Reporter:
    """Tells a progress callback how far several seeds have come."""

    def __init__(
        self, progress: Progress | None, done_before: int, total: int
    ) -> None:
        self.progress = progress
        self.done_before = done_before
        self.total = total

    def __call__(self, done: int) -> None:
        if self.progress is not None:
            self.progress(self.done_before + done, self.total)


def _run_all(
    learner: EpisodicLearner,
    samplers: Sequence[EpisodeSampler | DomainSampler],
    episodes: int,
    tasks_per_batch: int | None,
    progress: Progress | None,
) -> list[QueryRecords]:
    """Records of each seed's sampler."""
    first = samplers[0]
    examples = first.num_ways * (first.num_shots + first.num_queries)
    batch = tasks_per_batch or max(1, _EXAMPLES_PER_BATCH // examples)
    step = make_step(learner, first.num_ways)
    total = len(samplers) * episodes
    return [
        _run(
            step,
            sampler,
            episodes,
            batch,
            _Reporter(progress, number * episodes, total),
        )
        for number, sampler in enumerate(samplers)
    ]


def _run(
    step: Callable[[Episode], dict[str, tf.Tensor]],
    sampler: EpisodeSampler | DomainSampler,
    episodes: int,
    batch: int,
    report: _Reporter,
) -> QueryRecords:
    batches = []
    count = -(-episodes // batch)
    for episode in sampler.dataset(batch, num_batches=count):
        outputs = step(episode)
        batches.append({name: v.numpy() for name, v in outputs.items()})
        report(min(len(batches) * batch, episodes))
    return QueryRecords.from_batches(batches, episodes)


def _statistics(
    parts: Sequence[QueryRecords], seeds: Sequence[int]
) -> dict[str, Any]:
    records = QueryRecords.joined(parts)
    overall = mean_interval(records.accuracy)
    per_seed = []
    for seed, part in zip(seeds, parts, strict=True):
        one = mean_interval(part.accuracy)
        per_seed.append(
            {
                "seed": seed,
                "accuracy": one.mean,
                "ci95": one.ci95,
                "loss": float(part.loss.mean()),
            }
        )
    means = mean_interval([row["accuracy"] for row in per_seed])
    return {
        "accuracy": overall.mean,
        "ci95": overall.ci95,
        "per_seed": tuple(per_seed),
        "seeds_ci95": means.ci95,
        "loss": float(records.loss.mean()),
        "ece": reliability(records.confidence, records.correct).ece,
        "records": records,
    }


def _origin(learner: EpisodicLearner) -> dict[str, Any]:
    metadata = getattr(learner, "preset_metadata", None)
    return {
        "learner": type(learner).__name__,
        "preset": None if metadata is None else metadata.preset,
        "revision": None if metadata is None else metadata.revision,
        "parameters": int(sum(np.prod(v.shape) for v in learner.weights)),
    }


def _adaptation_ms(
    learner: EpisodicLearner, sampler: EpisodeSampler | DomainSampler
) -> float:
    """Median wall time of one `adapt` call of one task."""
    episode = sampler.tasks(0, 1)
    x, y = episode.support_x.numpy(), episode.support_y.numpy()
    return time_calls(lambda: learner.adapt(x, y)).median_ms
