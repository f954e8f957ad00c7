import math

import numpy as np
import pytest

from metazoo.errors import MetazooError
from metazoo.metrics.episodes import (
    confusion_matrix,
    episode_accuracy,
    mean_interval,
    reliability,
    student_t_95,
)


def test_mean_interval_by_hand():
    found = mean_interval([1.0, 0.5, 0.0])
    assert found.mean == pytest.approx(0.5)
    assert found.ci95 == pytest.approx(1.96 * 0.5 / math.sqrt(3))
    assert found.count == 3


def test_mean_interval_of_one_value_has_no_interval():
    found = mean_interval([0.25])
    assert (found.mean, found.ci95, found.count) == (0.25, None, 1)


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [math.inf]])
def test_mean_interval_refuses_what_has_no_mean(values):
    with pytest.raises(MetazooError, match="finite"):
        mean_interval(values)


def test_interval_covers_the_mean_95_times_in_100():
    draws = np.random.default_rng(0).binomial(75, 0.9, (2000, 100)) / 75
    found = [mean_interval(row) for row in draws]
    inside = np.mean([abs(f.mean - 0.9) <= f.ci95 for f in found])
    assert 0.93 < inside < 0.97


def test_episode_accuracy_counts_each_episode():
    found = episode_accuracy([[0, 1, 1, 0], [2, 2, 0, 0]], [[0, 1, 0, 1]] * 2)
    np.testing.assert_array_equal(found, [0.5, 0.25])


def test_episode_accuracy_leaves_padding_out():
    mask = np.array([[True, True, False], [False, False, False]])
    found = episode_accuracy([[0, 1, 1]] * 2, [[0, 0, 1]] * 2, mask)
    assert found[0] == 0.5
    assert math.isnan(found[1])


def test_reliability_by_hand():
    found = reliability([0.95, 0.85, 0.85, 0.2], [1, 1, 0, 0], bins=10)
    np.testing.assert_array_equal(found.counts, [0, 1, 0, 0, 0, 0, 0, 0, 2, 1])
    assert found.accuracy[8] == 0.5
    assert found.confidence[8] == pytest.approx(0.85)
    assert math.isnan(found.accuracy[0])
    expected = (1 * 0.05 + 2 * 0.35 + 1 * 0.2) / 4
    assert found.ece == pytest.approx(expected)


def test_reliability_of_perfect_calibration_is_zero():
    confidence = np.repeat([0.25, 0.75], 4)
    correct = [1, 0, 0, 0, 1, 1, 1, 0]
    assert reliability(confidence, correct).ece == pytest.approx(0.0)


def test_reliability_bins_take_both_ends():
    found = reliability([0.0, 1.0, 1.000001], [0, 1, 1], bins=5)
    np.testing.assert_array_equal(found.counts, [1, 0, 0, 0, 2])


@pytest.mark.parametrize(
    ("confidence", "correct", "bins", "match"),
    [
        ([], [], 5, "not empty"),
        ([0.5], [1, 0], 5, "equally long"),
        ([1.5], [1], 5, r"\[0, 1\]"),
        ([math.nan], [1], 5, r"\[0, 1\]"),
        ([0.5], [1], 0, "bins"),
    ],
)
def test_reliability_refuses_bad_input(confidence, correct, bins, match):
    with pytest.raises(MetazooError, match=match):
        reliability(confidence, correct, bins)


def test_confusion_matrix_has_true_rows():
    found = confusion_matrix([0, 0, 2, 2], [0, 1, 2, 0], 3)
    np.testing.assert_array_equal(found, [[1, 1, 0], [0, 0, 0], [1, 0, 1]])


def test_confusion_matrix_refuses_bad_input():
    with pytest.raises(MetazooError, match="length"):
        confusion_matrix([0, 1], [0], 2)
    with pytest.raises(MetazooError, match=r"\[0, 2\)"):
        confusion_matrix([0, 2], [0, 1], 2)


@pytest.mark.parametrize("degrees", [1, 2, 9, 12, 13, 20, 60, 1000])
def test_student_quantile_equals_tfp(degrees):
    import tensorflow_probability as tfp

    wanted = tfp.distributions.StudentT(
        np.float64(degrees), np.float64(0), np.float64(1)
    ).quantile(np.float64(0.975))
    assert student_t_95(degrees) == pytest.approx(float(wanted), abs=1e-4)
