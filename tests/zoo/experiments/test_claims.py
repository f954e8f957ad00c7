"""Claims: differences between rows, their intervals and their bounds."""

from __future__ import annotations

import math

import pytest

from metazoo.errors import MetazooError
from metazoo.experiments import Claim
from metazoo.experiments.claims import judge

OURS, THEIRS = {"mode": "ours"}, {"mode": "theirs"}


def record(labels, seed, mean, ci95=0.03, metric="accuracy"):
    """The part of a cell's record that a claim reads."""
    measurement = {"metric": metric, "mean": mean, "ci95": ci95}
    return {"labels": labels, "seed": seed, "measurements": [measurement]}


def records(ours, theirs):
    """One record for each seed of both sides."""
    return [
        record(labels, seed, mean)
        for labels, means in ((OURS, ours), (THEIRS, theirs))
        for seed, mean in enumerate(means)
    ]


def test_difference_is_the_mean_of_the_seeds_differences():
    claim = Claim("ahead", OURS, THEIRS, least=0.1)
    (found,) = judge([claim], records([0.8, 0.9, 0.7], [0.5, 0.7, 0.6]))
    assert found["difference"] == pytest.approx(0.2)
    assert found["seeds"] == 3
    # Standard deviation 0.1 of three: t(2) * 0.1 / sqrt(3).
    assert found["seeds_ci95"] == pytest.approx(4.3027 * 0.1 / math.sqrt(3))
    # Six half widths of 0.03: each side's mean has 0.03 / sqrt(3).
    assert found["ci95"] == pytest.approx(0.03 * math.sqrt(2 / 3))
    assert found["holds"]


@pytest.mark.parametrize(
    "least, most, holds",
    [
        (0.19, None, True),
        (0.21, None, False),
        (None, 0.21, True),
        (None, 0.1, False),
        (-0.1, 0.1, False),
        (0.1, 0.3, True),
    ],
)
def test_claim_holds_within_its_bounds(least, most, holds):
    claim = Claim("bounded", OURS, THEIRS, least, most)
    (found,) = judge([claim], records([0.75], [0.55]))
    assert found["holds"] is holds


def test_only_seeds_of_both_sides_are_compared():
    claim = Claim("ahead", OURS, THEIRS, least=0.0)
    (found,) = judge([claim], records([0.8, 0.2], [0.5]))
    assert (found["seeds"], found["seeds_ci95"]) == (1, None)
    assert found["difference"] == pytest.approx(0.3)


def test_claim_without_its_rows_is_not_judged():
    claim = Claim("ahead", OURS, THEIRS, least=0.0)
    assert judge([claim], records([0.8], [])) == []
    other = Claim("ahead", OURS, THEIRS, least=0.0, metric="purity")
    assert judge([other], records([0.8], [0.5])) == []


def test_labels_of_two_rows_are_refused():
    both = [record({**OURS, "shots": n}, 0, 0.5) for n in (1, 5)]
    claim = Claim("ahead", OURS, THEIRS, least=0.0)
    with pytest.raises(MetazooError, match="more than one row of seed 0"):
        judge([claim], both)


def test_claim_that_nothing_contradicts_is_refused():
    with pytest.raises(MetazooError, match="least, most"):
        Claim("anything", OURS, THEIRS)
    with pytest.raises(MetazooError, match="same row"):
        Claim("itself", OURS, dict(OURS), least=0.0)
