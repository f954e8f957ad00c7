"""What an embedding is worth by itself: classifiers on frozen vectors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from metazoo.methods.cactus.cactus_clusters import check_sklearn, k_means
from metazoo.methods.cactus.experiments.cactus_tasks import Task

# Each classifier has one number to choose, on validation classes.
NEIGHBOURS = (1, 3, 5, 10)
PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
COMPARISONS = ("nearest_neighbour", "linear", "mlp", "cluster_matching")
_MOST_ITERATIONS = 200


class Clusters(NamedTuple):
    """Clusters of the training images' vectors.

    Attributes:
        centres: float [clusters, size].
    """

    centres: np.ndarray


def nearest_neighbour(task: Task, neighbours: int) -> float:
    """Share of queries that their nearest support examples place right.

    Args:
        task: a task.
        neighbours: how many vote; no more than a class has examples.
    """
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(neighbours, len(task.support_y)))
    return _share(model, task)


def linear(task: Task, inverse_penalty: float) -> float:
    """Multinomial logistic regression with a squared penalty.

    Args:
        task: a task.
        inverse_penalty: C of scikit-learn.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=inverse_penalty, max_iter=_MOST_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _share(model, task)


def cluster_matching(task: Task, clusters: Clusters) -> float:
    """Clusters take the label of most support examples in them.

    Queries go to the nearest cluster that has a label.

    Args:
        task: a task.
        clusters: of the training images.
    """
    places = _nearest(task.support_z, clusters.centres)
    ways = int(task.support_y.max()) + 1
    votes = np.zeros((len(clusters.centres), ways))
    np.add.at(votes, (places, task.support_y), 1)
    named = np.flatnonzero(votes.sum(1))
    nearest = named[_nearest(task.query_z, clusters.centres[named])]
    return float((votes.argmax(1)[nearest] == task.query_y).mean())


def clusters_of(z: np.ndarray, number: int, kind: str, seed: int) -> Clusters:
    """Groups the vectors of the training images.

    Args:
        z: float32 [examples, size].
        number: of clusters.
        kind: "kmeans" or "minibatch".
        seed: of the start.
    """
    _, centres = k_means(z, number, seed, kind)
    return Clusters(centres)


def chosen(
    classifier: Callable[[Task, Any], float],
    choices: Sequence[Any],
    tasks: Sequence[Task],
) -> Any:
    """The choice of most accuracy on some tasks; the first among equals.

    Args:
        classifier: takes a task and a choice, gives the accuracy.
        choices: what to choose from.
        tasks: of validation classes.
    """
    check_sklearn()
    means = [
        np.mean([classifier(task, choice) for task in tasks])
        for choice in choices
    ]
    return choices[int(np.argmax(means))]


def _share(model: Any, task: Task) -> float:
    model.fit(task.support_z, task.support_y)
    return float((model.predict(task.query_z) == task.query_y).mean())


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    gaps = (centres**2).sum(1) - 2.0 * points @ centres.T
    return gaps.argmin(1)
