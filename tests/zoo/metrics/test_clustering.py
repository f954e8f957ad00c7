"""Purity and normalised mutual information, by hand and by extremes."""

from __future__ import annotations

import math

import numpy as np
import pytest

import metazoo
from metazoo.metrics.clustering import normalized_mutual_information, purity


def test_purity_of_the_textbook_example():
    # Figure 16.4 of Manning et al.: 17 points, purity 12 / 17.
    true = [0] * 5 + [1] + [0] + [1] * 4 + [2] + [0] * 2 + [2] * 3
    found = [0] * 6 + [1] * 6 + [2] * 5
    assert purity(true, found) == pytest.approx(12 / 17)


def test_information_of_the_textbook_example():
    # Example 16.1 of Manning et al. gives 0.36.
    true = [0] * 5 + [1] + [0] + [1] * 4 + [2] + [0] * 2 + [2] * 3
    found = [0] * 6 + [1] * 6 + [2] * 5
    assert normalized_mutual_information(true, found) == pytest.approx(
        0.36, abs=0.005
    )


def test_information_of_a_case_worked_out_by_hand():
    # Two classes of two; clusters {a, a, b} and {b}.
    found = normalized_mutual_information([0, 0, 1, 1], [5, 5, 5, 7])
    classes = math.log(2)
    clusters = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    joint = -(0.5 * math.log(0.5) + 2 * 0.25 * math.log(0.25))
    shared = classes + clusters - joint
    assert found == pytest.approx(2 * shared / (classes + clusters))


def test_equal_partitions_score_one_whatever_their_names():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 5, 100)
    names = np.array([9, 3, 7, 1, 4])
    assert purity(true, names[true]) == 1.0
    assert normalized_mutual_information(true, names[true]) == pytest.approx(1)
    assert normalized_mutual_information([0, 0], [3, 3]) == 1.0


def test_one_cluster_tells_nothing():
    true = [0, 0, 1, 2]
    assert purity(true, [0, 0, 0, 0]) == 0.5
    assert normalized_mutual_information(true, [0, 0, 0, 0]) == 0.0


def test_independent_partitions_share_no_information():
    true, found = np.repeat([0, 1], 50), np.tile([0, 1], 50)
    assert normalized_mutual_information(true, found) == pytest.approx(0)


def test_bad_input_is_refused():
    for function in (purity, normalized_mutual_information):
        with pytest.raises(metazoo.MetazooError, match="equally long"):
            function([0, 1], [0])
        with pytest.raises(metazoo.MetazooError, match="not empty"):
            function([], [])
