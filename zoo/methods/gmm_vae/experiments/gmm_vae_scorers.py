"""One face of the model and of its control: scores from encoder outputs.

Encoders look at one image at a time, so every image is encoded once and
episodes are drawn of what the encoder gave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.data import ClassDataset, EpisodeSampler
from metazoo.data.features import extract_features
from metazoo.learners.prototype import negative_distances, prototypes_of

_TASKS_AT_ONCE = 20

State = Mapping[str, tf.Tensor]


class MixtureScorer:
    """Scores by components."""

    def __init__(self, learner: Any, num_steps: int, score: str) -> None:
        """Takes what is measured.

        Args:
            learner: a `GMMVAE`.
            num_steps: Adam steps of adaptation; 0 for the closed form.
            score: how components score codes.
        """
        self.learner = learner
        self._num_steps = num_steps
        self._score = score

    def adapt(self, outputs: Any, labels: Any, ways: int) -> State:
        """Infers the centres of tasks.

        Args:
            outputs: of the encoder, [tasks, support, values].
            labels: int64 [tasks, support].
            ways: number of classes.
        """
        learner = self.learner
        mask = tf.ones_like(labels, tf.bool)
        posterior = learner.posterior_of(outputs)
        support = learner.support_of(posterior, labels, mask, ways)
        steps = tf.fill(tf.shape(labels)[:1], self._num_steps)
        return learner.state_of(learner.centres_of(support, steps), support)

    def scores(self, outputs: Any, state: State) -> tf.Tensor:
        """Scores of the new classes, [tasks, queries, ways]."""
        z = self.learner.posterior_of(outputs).mean
        return self.learner.new_logits(z, state, self._score)

    def all_scores(self, outputs: Any, state: State) -> tf.Tensor:
        """Scores of all classes, base classes first."""
        z = self.learner.posterior_of(outputs).mean
        return self.learner.all_log_probs(z, state, self._score)


class PrototypeScorer:
    """Scores by distances: class means of all training images, and of tasks.

    The paper's baseline "global prototypes".
    """

    def __init__(self, learner: Any, training: ClassDataset | None) -> None:
        """Takes what is measured.

        Args:
            learner: a `ProtoNet`.
            training: the images it was trained on; None if only the new
                classes are scored.
        """
        self.learner = learner
        self._means = None
        if training is not None:
            given = extract_features(learner.backbone, training)
            sums = np.add.reduceat(given.images, given.class_offsets[:-1])
            means = sums / given.class_sizes[:, None]
            self._means = tf.constant(means[None], tf.float32)

    def adapt(self, outputs: Any, labels: Any, ways: int) -> State:
        """Prototypes of tasks; see `MixtureScorer`."""
        return prototypes_of(
            outputs, labels, tf.ones_like(labels, tf.bool), ways
        )

    def scores(self, outputs: Any, state: State) -> tf.Tensor:
        """Minus squared distances to the new classes' prototypes."""
        return negative_distances(outputs, state)

    def all_scores(self, outputs: Any, state: State) -> tf.Tensor:
        """Minus squared distances to all prototypes, base classes first."""
        shape = [tf.shape(outputs)[0], 1, 1]
        means = tf.tile(self._means, shape)
        present = tf.ones(tf.shape(means)[:2])
        every = {
            "prototypes": tf.concat([means, state["prototypes"]], 1),
            "class_mask": tf.concat([present, state["class_mask"]], 1),
        }
        return negative_distances(outputs, every)


def classification(
    scorer: Any,
    data: ClassDataset,
    num_ways: int,
    num_shots: int,
    num_queries: int,
    episodes: int,
    seed: int,
) -> np.ndarray:
    """Accuracy among the new classes of each episode.

    Args:
        scorer: a scorer.
        data: raw images of new classes.
        num_ways: classes of an episode.
        num_shots: support images of each.
        num_queries: query images of each.
        episodes: how many.
        seed: of the episodes.

    Returns:
        float [episodes].
    """
    outputs = extract_features(scorer.learner.backbone, data)
    sampler = EpisodeSampler(
        outputs,
        num_ways=num_ways,
        num_shots=num_shots,
        num_queries=num_queries,
        seed=seed,
    )

    @tf.function(autograph=False)
    def right(support_x: Any, support_y: Any, x: Any, y: Any) -> Any:
        state = scorer.adapt(support_x, support_y, num_ways)
        found = tf.argmax(scorer.scores(x, state), -1)
        return tf.reduce_mean(tf.cast(found == y, tf.float32), -1)

    parts = [
        right(task.support_x, task.support_y, task.query_x, task.query_y)
        for task in _episodes(sampler, episodes)
    ]
    return np.concatenate(parts)[:episodes]


def integration(
    scorer: Any,
    data: ClassDataset,
    held_out: ClassDataset,
    num_ways: int,
    num_shots: int,
    episodes: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy among all old and new classes.

    Half of an episode's queries are of its new classes, half held-out
    images of as many random base classes; no query tells its half.

    Args:
        scorer: a scorer.
        data: raw images of new classes.
        held_out: raw images of the base classes, never trained on.
        num_ways: new classes of an episode.
        num_shots: support images of each.
        episodes: how many.
        seed: of the episodes.

    Returns:
        Accuracies of the queries of new and of base classes, float
        [episodes] each.
    """
    backbone = scorer.learner.backbone
    base = extract_features(backbone, held_out)
    each = base.min_examples
    sampler = EpisodeSampler(
        extract_features(backbone, data),
        num_ways=num_ways,
        num_shots=num_shots,
        num_queries=each,
        seed=seed,
    )
    count = base.num_classes

    @tf.function(autograph=False)
    def right(support_x: Any, support_y: Any, x: Any, y: Any) -> Any:
        state = scorer.adapt(support_x, support_y, num_ways)
        found = tf.argmax(scorer.all_scores(x, state), -1)
        correct = tf.cast(found == y, tf.float32)
        new, old = tf.split(correct, 2, axis=1)
        return tf.reduce_mean(new, -1), tf.reduce_mean(old, -1)

    novel: list[np.ndarray] = []
    known: list[np.ndarray] = []
    for task in _episodes(sampler, episodes):
        old_x, old_y = _base_queries(base, num_ways, each, seed, len(novel))
        x = tf.concat([task.query_x, old_x], 1)
        y = tf.concat([task.query_y + count, old_y], 1)
        new, old = right(task.support_x, task.support_y, x, y)
        novel.append(new.numpy())
        known.append(old.numpy())
    return np.concatenate(novel)[:episodes], np.concatenate(known)[:episodes]


def _episodes(sampler: EpisodeSampler, episodes: int) -> Iterator[Any]:
    """The first episodes in whole groups: maybe more than asked for."""
    for start in range(0, episodes, _TASKS_AT_ONCE):
        yield sampler.tasks(start, _TASKS_AT_ONCE)


def _base_queries(
    base: ClassDataset, num_ways: int, each: int, seed: int, group: int
) -> tuple[np.ndarray, np.ndarray]:
    """Held-out images of random base classes, for a group of tasks."""
    rng = np.random.default_rng([seed, group])
    classes = np.stack(
        [
            rng.choice(base.num_classes, num_ways, replace=False)
            for _ in range(_TASKS_AT_ONCE)
        ]
    )
    rows = base.class_offsets[classes][..., None] + np.arange(each)
    shape = [_TASKS_AT_ONCE, num_ways * each]
    return base.images[rows.reshape(shape)], np.repeat(classes, each, -1)
