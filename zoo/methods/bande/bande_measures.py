"""What the experiments measure of a trained BANDE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.data import ClassDataset, EpisodeSampler
from metazoo.data.seeded_sampler import SeededSampler
from metazoo.experiments import Measurement
from metazoo.metrics.clustering import normalized_mutual_information, purity


def accuracy_and_clusters(
    learner: Any, sampler: SeededSampler, num_ways: int, episodes: int
) -> list[Measurement]:
    """Adapts to episodes and predicts their queries.

    A query that is called a distractor is wrong.

    Args:
        learner: a `BANDE`.
        sampler: of the episodes; the first ones are taken.
        num_ways: columns of the answer, above every label.
        episodes: how many.

    Returns:
        `accuracy`; `clusters_per_class`, of labelled clusters; and
        `unlabelled_clusters`.
    """
    step = _make_step(learner, num_ways)
    rows = [
        [part.numpy()[0] for part in step(episode)]
        for episode in sampler.dataset(1, num_batches=episodes)
    ]
    correct, labelled, classes, others = map(np.array, zip(*rows, strict=True))
    data = sampler.data
    return [
        Measurement.of("accuracy", correct, data),
        Measurement.of("clusters_per_class", labelled / classes, data),
        Measurement.of("unlabelled_clusters", others, data),
    ]


def _make_step(learner: Any, num_ways: int) -> Any:
    # Episodes of a sampler have one shape, so this is traced once.
    @tf.function(autograph=False)
    def step(episode: Any) -> Any:
        state = learner.adapt_state(
            episode.support_x,
            episode.support_y,
            episode.support_mask,
            num_ways,
            **episode.unlabelled,
        )
        classes = learner.outputs_from_state(episode.query_x, state)["classes"]
        right = tf.cast(classes == episode.query_y, tf.float32)
        label = state["label"]
        present = tf.one_hot(label, num_ways)
        return (
            tf.reduce_mean(right, -1),
            tf.reduce_sum(tf.cast(label >= 0, tf.float32), -1),
            tf.reduce_sum(tf.reduce_max(present, 1), -1),
            tf.reduce_sum(tf.cast(label == -1, tf.float32), -1),
        )

    return step


def clustering(
    learner: Any,
    data: ClassDataset,
    num_classes: int,
    lam: float,
    episodes: int,
    seed: int = 0,
) -> list[Measurement]:
    """Groups 5 examples of each of some classes without any label.

    Args:
        learner: a `BANDE`.
        data: the classes.
        num_classes: classes an episode.
        lam: squared distance beyond which an example opens a cluster.
        episodes: how many.
        seed: of the episodes and of the order of their examples.

    Returns:
        `purity`, `nmi` and `clusters`.
    """
    found = clustered(learner, data, num_classes, [lam], episodes, seed)[0]
    names = ("purity", "nmi", "clusters")
    return [
        Measurement.of(name, values, data)
        for name, values in zip(names, found.T, strict=True)
    ]


def clustered(
    learner: Any,
    data: ClassDataset,
    num_classes: int,
    lams: Sequence[float],
    episodes: int,
    seed: int,
) -> np.ndarray:
    """Scores of several thresholds on the same episodes.

    Args:
        learner: a `BANDE`.
        data: the classes.
        num_classes: classes an episode.
        lams: the thresholds.
        episodes: how many.
        seed: of the episodes and of the order of their examples.

    Returns:
        float64 [thresholds, episodes, 3]: purity, NMI, clusters.
    """
    sampler = EpisodeSampler(
        data, num_ways=num_classes, num_shots=5, num_queries=1, seed=seed
    )
    rng = np.random.default_rng(seed)
    scores = np.zeros([len(lams), episodes, 3])
    for number in range(episodes):
        task = sampler.tasks(number, 1)
        order = rng.permutation(5 * num_classes)
        x = task.support_x.numpy()[0][order]
        y = task.support_y.numpy()[0][order]
        for row, lam in enumerate(lams):
            found = learner.cluster(x, lam=float(lam))
            assigned = found["assignment"]
            scores[row, number] = (
                purity(y, assigned),
                normalized_mutual_information(y, assigned),
                found["num_clusters"],
            )
    return scores


def best_threshold(
    learner: Any,
    data: ClassDataset,
    num_classes: int,
    lams: Sequence[float],
    episodes: int,
) -> float:
    """The threshold with the best mean NMI, on other classes than the test's.

    Args:
        learner: a `BANDE`.
        data: classes to choose on.
        num_classes: classes an episode, as in the test.
        lams: the thresholds.
        episodes: how many.
    """
    scores = clustered(learner, data, num_classes, lams, episodes, seed=1)
    return float(lams[int(scores[:, :, 1].mean(1).argmax())])
