"""Episodes with unlabelled examples, some of them of other classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.episode import Episode
from metazoo.data.sampler_checks import (
    as_integer,
    as_positive,
    check_enough_classes,
)
from metazoo.data.seeded_sampler import (
    ABSENT,
    SeededSampler,
    labels_in_order,
)
from metazoo.errors import EpisodeError


class SemiSupervisedSampler(SeededSampler):
    """Draws support, queries and an unlabelled set with distractors.

    Ren et al., Meta-Learning for Semi-Supervised Few-Shot Classification
    (ICLR 2018), section 4: a share of every class's examples is labelled,
    once for the whole data set; support and queries come from it, the
    unlabelled set from the rest. Distractor classes give unlabelled examples
    only. The unlabelled set is in random order.
    """

    def __init__(
        self,
        dataset: ClassDataset,
        *,
        num_ways: int,
        num_shots: int,
        num_queries: int | None = None,
        num_unlabeled: int = 5,
        num_distractors: int = 5,
        labeled_fraction: float = 0.4,
        label_seed: int = 0,
        seed: int = 0,
    ) -> None:
        """Checks the request against the data and makes the data resident.

        Args:
            dataset: where classes and examples come from.
            num_ways: classes an episode.
            num_shots: support examples a class.
            num_queries: query examples a class; None for all labelled ones
                that remain in the smallest class.
            num_unlabeled: unlabelled examples of each class, distractors
                too.
            num_distractors: classes of unlabelled examples alone, maybe 0.
            labeled_fraction: share of each class that is labelled.
            label_seed: of the choice which examples are.
            seed: of all episodes.

        Raises:
            EpisodeError: a number is out of range, or the data set has too
                few classes or examples.
        """
        self.num_ways = as_positive("num_ways", num_ways)
        self.num_shots = as_positive("num_shots", num_shots)
        self.num_unlabeled = as_positive("num_unlabeled", num_unlabeled)
        self.num_distractors = as_integer("num_distractors", num_distractors)
        if self.num_distractors < 0:
            raise EpisodeError(
                f"num_distractors must be 0 or more; got {num_distractors}."
            )
        if not 0.0 < labeled_fraction < 1.0:
            raise EpisodeError(
                "labeled_fraction must lie between 0 and 1; got "
                f"{labeled_fraction!r}."
            )
        check_enough_classes(dataset, self.num_ways + self.num_distractors)
        labelled = np.floor(labeled_fraction * dataset.class_sizes + 1e-9)
        self.num_queries = _queries(labelled, self.num_shots, num_queries)
        _check_unlabelled(dataset, labelled, self.num_unlabeled)
        self.labeled_fraction = float(labeled_fraction)
        self.label_seed = as_integer("label_seed", label_seed)
        super().__init__(dataset, seed)
        is_labelled = _choose(dataset, labelled, label_seed)
        with tf.device("CPU:0"):
            self._is_labelled = tf.constant(is_labelled)

    def identity(self) -> dict[str, Any]:
        """What two runs on the same episodes have in common, in JSON types."""
        names = (
            "num_ways",
            "num_shots",
            "num_queries",
            "num_unlabeled",
            "num_distractors",
            "labeled_fraction",
            "label_seed",
        )
        settings = {name: getattr(self, name) for name in names}
        return {**super().identity(), "kind": "semi_supervised", **settings}

    @property
    def _num_drawn(self) -> int:
        return self.num_ways + self.num_distractors

    @property
    def _num_keys(self) -> int:
        drawn, largest = self._num_drawn, self.data.max_examples
        return (
            self.data.num_classes + drawn * largest + drawn * self.num_unlabeled
        )

    def _episodes(self, keys: tf.Tensor) -> Episode:
        drawn, largest = self._num_drawn, self.data.max_examples
        class_keys, example_keys, order_keys = tf.split(
            keys, [self.data.num_classes, drawn * largest, -1], axis=1
        )
        classes = tf.math.top_k(class_keys, drawn).indices
        example_keys = tf.reshape(example_keys, [-1, drawn, largest])
        labelled = tf.gather(self._is_labelled, classes)
        rows = self._rows_of(
            classes[:, : self.num_ways],
            tf.where(labelled, example_keys, ABSENT)[:, : self.num_ways],
            self.num_shots + self.num_queries,
        )
        others = self._rows_of(
            classes,
            tf.where(labelled, ABSENT, example_keys),
            self.num_unlabeled,
        )
        count = keys.shape[0]
        others = tf.reshape(others, [count, drawn * self.num_unlabeled])
        order = tf.argsort(order_keys, axis=1)
        others = tf.gather(others, order, batch_dims=1)
        labels = labels_in_order(count, self.num_ways)
        return self._split(rows, labels, self.num_shots)._replace(
            unlabeled_x=self._values(others),
            unlabeled_mask=tf.ones_like(others, tf.bool),
        )


def _queries(
    labelled: np.ndarray, num_shots: int, num_queries: int | None
) -> int:
    left = int(labelled.min()) - num_shots
    wanted = (
        left if num_queries is None else as_positive("num_queries", num_queries)
    )
    if wanted < 1 or wanted > left:
        raise EpisodeError(
            f"num_shots={num_shots} + num_queries={num_queries} do not fit "
            f"the {int(labelled.min())} labelled examples of the smallest "
            "class."
        )
    return wanted


def _check_unlabelled(
    dataset: ClassDataset, labelled: np.ndarray, num_unlabeled: int
) -> None:
    least = int((dataset.class_sizes - labelled).min())
    if num_unlabeled > least:
        raise EpisodeError(
            f"num_unlabeled={num_unlabeled} is more than the {least} "
            "unlabelled examples of the smallest class."
        )


def _choose(
    dataset: ClassDataset, labelled: np.ndarray, seed: int
) -> np.ndarray:
    """Which examples are labelled, bool [classes, largest class]."""
    rng = np.random.default_rng(seed)
    keys = rng.random((dataset.num_classes, dataset.max_examples))
    place = np.arange(dataset.max_examples)
    keys[place >= dataset.class_sizes[:, None]] = 2.0
    ranks = keys.argsort(1).argsort(1)
    return ranks < labelled[:, None]
