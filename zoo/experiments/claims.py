"""Claims: a difference between two rows of an experiment, and its bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metazoo.errors import MetazooError
from metazoo.experiments.experiment import Label

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    """What a paper says of two rows that differ in their labels.

    Attributes:
        doc: the claim in a few words.
        of: labels that select one row, column to value.
        against: labels that select the row to compare with.
        least: the difference is to be this or more; None for no bound.
        most: the difference is to be this or less; None for no bound.
        metric: the measurement compared.
    """

    doc: str
    of: Mapping[str, Label]
    against: Mapping[str, Label]
    least: float | None = None
    most: float | None = None
    metric: str = "accuracy"

    def __post_init__(self) -> None:
        """Refuses a claim that nothing could contradict.

        Raises:
            MetazooError: there is no bound, or both sides are one row.
        """
        if self.least is None and self.most is None:
            raise MetazooError(
                f"claim {self.doc!r}: give least, most, or both."
            )
        if dict(self.of) == dict(self.against):
            raise MetazooError(
                f"claim {self.doc!r}: of and against are the same row."
            )


def judge(
    claims: Sequence[Claim], records: Sequence[Record]
) -> list[dict[str, Any]]:
    """Measures claims by the cells that are done.

    Args:
        claims: of the experiment.
        records: of its cells, as the runner stores them.

    Returns:
        One dict for each claim whose rows share a seed: `claim`, `metric`,
        `difference` (mean over the seeds), `ci95` (over the episodes of both
        sides, as if they were independent), `seeds_ci95` (over the seeds'
        differences; None with one), `seeds`, `least`, `most` and `holds`.

    Raises:
        MetazooError: labels of a claim select two rows of one seed.
    """
    found = (_judged(claim, records) for claim in claims)
    return [one for one in found if one is not None]


def _judged(claim: Claim, records: Sequence[Record]) -> dict[str, Any] | None:
    from metazoo.metrics.episodes import mean_over_seeds

    of = _by_seed(claim, claim.of, records)
    against = _by_seed(claim, claim.against, records)
    seeds = sorted(set(of) & set(against))
    if not seeds:
        return None
    gaps = [of[seed]["mean"] - against[seed]["mean"] for seed in seeds]
    over_seeds = mean_over_seeds(gaps)
    return {
        "claim": claim.doc,
        "metric": claim.metric,
        "difference": over_seeds.mean,
        "ci95": _over_episodes([s[k] for s in (of, against) for k in seeds]),
        "seeds_ci95": over_seeds.ci95,
        "seeds": len(seeds),
        "least": claim.least,
        "most": claim.most,
        "holds": _within(over_seeds.mean, claim.least, claim.most),
    }


def _by_seed(
    claim: Claim, labels: Mapping[str, Label], records: Sequence[Record]
) -> dict[int, Mapping[str, Any]]:
    """The claim's measurement of each seed of the row with these labels."""
    found: dict[int, Mapping[str, Any]] = {}
    for record in records:
        if not labels.items() <= record["labels"].items():
            continue
        if record["seed"] in found:
            raise MetazooError(
                f"claim {claim.doc!r}: {dict(labels)} selects more than one "
                f"row of seed {record['seed']}."
            )
        for one in record["measurements"]:
            if one["metric"] == claim.metric:
                found[record["seed"]] = one
    return found


def _over_episodes(sides: Sequence[Mapping[str, Any]]) -> float | None:
    widths = [one["ci95"] for one in sides]
    if None in widths:
        return None
    return math.sqrt(sum(width**2 for width in widths)) / (len(widths) / 2)


def _within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)
