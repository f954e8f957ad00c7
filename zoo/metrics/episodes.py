"""What few-shot evaluation reports: means, intervals and calibration.

NumPy only: the numbers of a finished evaluation need no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from metazoo.errors import MetazooError

# Two-sided 95 % quantile of the normal distribution.
Z_95 = 1.96
# The same of Student's t with 1, 2, ... degrees of freedom.
_T_95 = (
    12.7062,
    4.3027,
    3.1824,
    2.7764,
    2.5706,
    2.4469,
    2.3646,
    2.3060,
    2.2622,
    2.2281,
    2.2010,
    2.1788,
)


@dataclasses.dataclass(frozen=True)
class MeanInterval:
    """A mean and the half width of its 95 % interval.

    Attributes:
        mean: the mean.
        ci95: 1.96 standard errors; None for a single value.
        count: number of values.
    """

    mean: float
    ci95: float | None
    count: int


def mean_interval(values: Any) -> MeanInterval:
    """Mean and 95 % interval, 1.96 * std(ddof=1) / sqrt(n).

    Args:
        values: numbers [n]: one for each episode, or one for each seed.

    Returns:
        The mean, half the width of the interval, and n.

    Raises:
        MetazooError: there is no value, or one is not finite.
    """
    array = np.asarray(values, np.float64).ravel()
    if array.size == 0 or not np.isfinite(array).all():
        raise MetazooError(
            f"values must be one or more finite numbers; got {values!r}."
        )
    ci95 = None
    if array.size > 1:
        ci95 = float(Z_95 * array.std(ddof=1) / math.sqrt(array.size))
    return MeanInterval(float(array.mean()), ci95, int(array.size))


def mean_over_seeds(values: Any) -> MeanInterval:
    """Mean and 95 % interval of a few independent trainings.

    Args:
        values: numbers [n], one for each seed.

    Returns:
        The mean, half the width of Student's t interval with n - 1 degrees
        of freedom (None for one seed), and n.

    Raises:
        MetazooError: there is no value, or one is not finite.
    """
    found = mean_interval(values)
    if found.ci95 is None:
        return found
    scale = student_t_95(found.count - 1) / Z_95
    return dataclasses.replace(found, ci95=found.ci95 * scale)


def student_t_95(degrees: int) -> float:
    """Two-sided 95 % quantile of Student's t distribution.

    Args:
        degrees: degrees of freedom, 1 or more.

    Returns:
        The exact value, rounded to 4 digits, up to 12 degrees; above, the
        expansion of Cornish and Fisher, off by less than 1e-4.
    """
    if degrees <= len(_T_95):
        return _T_95[degrees - 1]
    z, n = 1.959964, degrees
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / n**k for k, term in enumerate(terms, start=1))


def episode_accuracy(
    query_y: Any, classes: Any, query_mask: Any = None
) -> np.ndarray:
    """Share of correct queries in each episode.

    Args:
        query_y: int [tasks, query], true labels.
        classes: int [tasks, query], predicted labels.
        query_mask: bool [tasks, query], False for padding; None for none.

    Returns:
        float64 [tasks]; NaN for an episode without a real query.
    """
    correct = np.asarray(query_y) == np.asarray(classes)
    mask = np.ones_like(correct) if query_mask is None else query_mask
    mask = np.asarray(mask, bool)
    total = mask.sum(-1)
    with np.errstate(invalid="ignore"):
        return (correct & mask).sum(-1) / total


@dataclasses.dataclass(frozen=True)
class Reliability:
    """How often predictions of a given confidence are right.

    Attributes:
        edges: float64 [bins + 1], of confidence, from 0 to 1.
        counts: int64 [bins], predictions in each bin.
        confidence: float64 [bins], mean confidence; NaN in an empty bin.
        accuracy: float64 [bins], share correct; NaN in an empty bin.
        ece: expected calibration error, in [0, 1].
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    ece: float


def reliability(confidence: Any, correct: Any, bins: int = 15) -> Reliability:
    """Bins predictions by confidence; equal widths.

    Guo et al., On Calibration of Modern Neural Networks (2017), equation 3.

    Args:
        confidence: float [n], probability of the predicted class.
        correct: bool [n], whether the prediction is right.
        bins: number of bins.

    Returns:
        The bins and the expected calibration error.

    Raises:
        MetazooError: no prediction, unequal lengths, or a confidence outside
            [0, 1].
    """
    confidence = np.asarray(confidence, np.float64).ravel()
    correct = np.asarray(correct, bool).ravel()
    _check_confidence(confidence, correct, bins)
    edges = np.linspace(0.0, 1.0, bins + 1)
    # Bins are open to the left and closed to the right, as in the paper.
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(index, confidence, bins) / counts
        right = np.bincount(index, correct, bins) / counts
    gap = np.abs(np.nan_to_num(right) - np.nan_to_num(mean))
    ece = float((counts * gap).sum() / len(confidence))
    return Reliability(edges, counts, mean, right, ece)


def confusion_matrix(true: Any, predicted: Any, num_classes: int) -> np.ndarray:
    """Counts pairs of true and predicted class.

    Args:
        true: int [n] in [0, num_classes).
        predicted: int [n] in [0, num_classes).
        num_classes: number of classes.

    Returns:
        int64 [classes, classes]: row true, column predicted.

    Raises:
        MetazooError: unequal lengths, or a class out of range.
    """
    true, predicted = np.ravel(true), np.ravel(predicted)
    if true.shape != predicted.shape:
        raise MetazooError(
            f"true and predicted differ in length: {len(true)} and "
            f"{len(predicted)}."
        )
    both = np.concatenate([true, predicted])
    if both.size and (both.min() < 0 or both.max() >= num_classes):
        raise MetazooError(
            f"classes must lie in [0, {num_classes}); they span "
            f"{both.min()} to {both.max()}."
        )
    cells = true.astype(np.int64) * num_classes + predicted
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def _check_confidence(
    confidence: np.ndarray, correct: np.ndarray, bins: int
) -> None:
    if bins < 1:
        raise MetazooError(f"bins must be 1 or more; got {bins}.")
    if confidence.size == 0 or confidence.shape != correct.shape:
        raise MetazooError(
            "confidence and correct must be equally long and not empty; got "
            f"{confidence.size} and {correct.size} values."
        )
    # Softmax in float32 may end a rounding error above 1.
    if not ((confidence >= 0) & (confidence <= 1 + 1e-5)).all():
        raise MetazooError(
            "confidence must lie in [0, 1]; it spans "
            f"{confidence.min()} to {confidence.max()}."
        )
