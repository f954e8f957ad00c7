"""How well clusters found without labels agree with classes.

NumPy only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metazoo.errors import MetazooError


def purity(true: Any, assigned: Any) -> float:
    """Share of examples that lie in a cluster of mostly their own class.

    Manning, Raghavan, Schuetze: Introduction to Information Retrieval
    (2008), equation 16.1. As many clusters as examples give 1.

    Args:
        true: int [n], classes.
        assigned: int [n], clusters.

    Returns:
        In (0, 1].

    Raises:
        MetazooError: no example, or unequal lengths.
    """
    table = _contingency(true, assigned)
    return float(table.max(axis=0).sum() / table.sum())


def normalized_mutual_information(true: Any, assigned: Any) -> float:
    """Mutual information of classes and clusters, over their mean entropy.

    The mean is the arithmetic one. Two partitions of one part each agree: 1.

    Args:
        true: int [n], classes.
        assigned: int [n], clusters.

    Returns:
        In [0, 1].

    Raises:
        MetazooError: no example, or unequal lengths.
    """
    joint = _contingency(true, assigned).astype(np.float64)
    joint /= joint.sum()
    rows, columns = joint.sum(1), joint.sum(0)
    entropies = _entropy(rows) + _entropy(columns)
    if entropies == 0.0:
        return 1.0
    shared = entropies - _entropy(joint.ravel())
    return float(np.clip(2.0 * shared / entropies, 0.0, 1.0))


def _contingency(true: Any, assigned: Any) -> np.ndarray:
    true, assigned = np.ravel(true), np.ravel(assigned)
    if len(true) != len(assigned) or not len(true):
        raise MetazooError(
            "true and assigned must be equally long and not empty; got "
            f"{len(true)} and {len(assigned)}."
        )
    _, rows = np.unique(true, return_inverse=True)
    _, columns = np.unique(assigned, return_inverse=True)
    shape = (int(rows.max()) + 1, int(columns.max()) + 1)
    cells = rows * shape[1] + columns
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)


def _entropy(shares: np.ndarray) -> float:
    real = shares[shares > 0]
    return float(-(real * np.log(real)).sum())
