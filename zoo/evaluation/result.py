"""What an evaluation found, with all that is needed to repeat it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.errors import MetazooError
from metazoo.evaluation.records import QueryRecords

if TYPE_CHECKING:
    from metazoo.data import ClassDataset


@dataclasses.dataclass(frozen=True)
class EvaluationResult:
    """Accuracy of one learner in one setting.

    Accuracy, its intervals and the calibration error are fractions.

    Attributes:
        accuracy: mean over all episodes of all seeds.
        ci95: half width of its 95 % interval over those episodes.
        episodes: episodes of each seed.
        seeds: seeds of the episodes.
        per_seed: one dict for each seed: `seed`, `accuracy`, `ci95`, `loss`.
        seeds_ci95: half width of the 95 % interval over the means of the
            seeds; None with one seed.
        loss: mean cross entropy of the queries, in nats.
        ece: expected calibration error, 15 bins.
        ways: classes an episode.
        shots: support examples a class.
        queries: query examples a class.
        transductive: whether a query's answer may depend on the others.
        dataset: name of the data set.
        split: its split.
        fingerprint: sha256 of the data that was drawn from.
        num_classes: classes that were drawn from.
        learner: class of the learner.
        preset: name of the preset; None for a learner of another origin.
        revision: the preset's revision.
        parameters: number of scalars in all weights.
        adaptation_ms: median wall time of one adaptation, in milliseconds.
        seconds: wall time of the evaluation.
        hardware: processor, cores, system and GPUs.
        versions: versions of the libraries.
        records: every prediction, for plots; not part of the JSON.
    """

    accuracy: float
    ci95: float
    episodes: int
    seeds: tuple[int, ...]
    per_seed: tuple[Mapping[str, Any], ...]
    seeds_ci95: float | None
    loss: float
    ece: float
    ways: int
    shots: int
    queries: int
    transductive: bool
    dataset: str
    split: str
    fingerprint: str
    num_classes: int
    learner: str
    preset: str | None
    revision: int | None
    parameters: int
    adaptation_ms: float
    seconds: float
    hardware: Mapping[str, Any]
    versions: Mapping[str, str]
    records: QueryRecords = dataclasses.field(repr=False, compare=False)

    def __str__(self) -> str:
        """The result in one line, in percent."""
        flag = " transductive," if self.transductive else ""
        total = self.episodes * len(self.seeds)
        return (
            f"{self.ways}-way {self.shots}-shot: {100 * self.accuracy:.2f} ± "
            f"{100 * self.ci95:.2f} %  ({self.dataset}/{self.split},{flag} "
            f"{total} episodes)"
        )

    def episode_classes(self, dataset: ClassDataset) -> np.ndarray:
        """The class in the data set of each label of each episode.

        Args:
            dataset: the data set that was evaluated on.

        Returns:
            int64 [episodes, ways], in the order of `records`.

        Raises:
            MetazooError: the data set is another one.
        """
        from metazoo.data import episode_sampler
        from metazoo.evaluation.rows import RowSampler

        if dataset.fingerprint != self.fingerprint:
            raise MetazooError(
                f"dataset is {dataset.name}/{dataset.split} with fingerprint "
                f"{dataset.fingerprint[:12]}; the evaluation drew from "
                f"{self.dataset}/{self.split} with {self.fingerprint[:12]}."
            )
        parts = []
        for seed in self.seeds:
            sampler = episode_sampler(
                dataset,
                num_ways=self.ways,
                num_shots=self.shots,
                num_queries=self.queries,
                seed=seed,
            )
            parts.append(RowSampler(sampler).classes(0, self.episodes))
        return np.concatenate(parts)

    def to_dict(self) -> dict[str, Any]:
        """All but the single predictions, as JSON can hold it.

        Returns:
            The fields, and `accuracy_percent` and `ci95_percent`.
        """
        found = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "records"
        }
        found["seeds"] = list(self.seeds)
        found["per_seed"] = [dict(row) for row in self.per_seed]
        found["accuracy_percent"] = 100 * self.accuracy
        found["ci95_percent"] = 100 * self.ci95
        return found

    def to_json(self) -> str:
        """`to_dict` as one JSON object."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def to_row(self) -> dict[str, Any]:
        """One row of a table: flat, numbers not rounded.

        Returns:
            Column name to value.
        """
        found = self.to_dict()
        hardware, versions = found.pop("hardware"), found.pop("versions")
        found.pop("per_seed")
        found["seeds"] = " ".join(str(seed) for seed in self.seeds)
        found["cpu"], found["cores"] = hardware["cpu"], hardware["cores"]
        found["gpus"] = " ".join(hardware["gpus"])
        return {**found, **versions}

    def to_metrics(self) -> dict[str, Any]:
        """The row as a preset's metadata keeps it.

        Returns:
            Data set, split, setting, accuracy and its interval (fractions),
            episodes of each seed, number of seeds, transductive.
        """
        return {
            "dataset": self.dataset,
            "split": self.split,
            "ways": self.ways,
            "shots": self.shots,
            "accuracy": self.accuracy,
            "ci95": self.ci95,
            "episodes": self.episodes,
            "seeds": len(self.seeds),
            "transductive": self.transductive,
        }
