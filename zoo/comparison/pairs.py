"""Differences between systems on the same episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metazoo.metrics.episodes import mean_interval

Record = Mapping[str, Any]


def paired_differences(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Mean differences in accuracy, episode by episode, with intervals.

    Episodes differ in difficulty more than systems do; the difference on one
    episode is free of that, so its interval is narrower than that of two
    means measured apart.

    Args:
        records: of cells, each with `system`, `ways`, `shots` and
            `accuracies` [episodes], those of one setting on the same
            episodes.

    Returns:
        A dict for each ordered pair of systems in a setting: `ways`,
        `shots`, `system`, `against`, `difference`, `ci95` (fractions) and
        `wins`, `ties` and `losses` (episodes).
    """
    return [
        _difference(one, other)
        for one in records
        for other in records
        if one is not other and _setting(one) == _setting(other)
    ]


def _setting(record: Record) -> tuple[int, int]:
    return record["ways"], record["shots"]


def _difference(one: Record, other: Record) -> dict[str, Any]:
    gaps = np.subtract(one["accuracies"], other["accuracies"])
    found = mean_interval(gaps)
    return {
        "ways": one["ways"],
        "shots": one["shots"],
        "system": one["system"],
        "against": other["system"],
        "difference": found.mean,
        "ci95": found.ci95,
        "wins": int((gaps > 0).sum()),
        "ties": int((gaps == 0).sum()),
        "losses": int((gaps < 0).sum()),
    }
