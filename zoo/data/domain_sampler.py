"""Episodes of a mixture: each takes all its classes from one domain."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.episode import Episode
from metazoo.data.mixture import domain_names
from metazoo.data.sampler_checks import (
    as_positive,
    check_enough_examples,
    check_several_ways,
)
from metazoo.data.seeded_sampler import (
    ABSENT,
    SeededSampler,
    labels_in_order,
)
from metazoo.errors import EpisodeError


class DomainSampler(SeededSampler):
    """Draws a domain, uniformly, then an episode of its classes.

    A domain with fewer classes than `num_ways` gives tasks of all it has.
    What is beyond them is padding: mask False, label 0. Its values are
    further examples of the domain, so that the statistics of a batch are
    those of the domain.
    """

    def __init__(
        self,
        dataset: ClassDataset,
        *,
        num_ways: int,
        num_shots: int,
        num_queries: int,
        seed: int = 0,
    ) -> None:
        """Checks the request against the data and makes the data resident.

        Args:
            dataset: with class names such as `DOMAIN/CLASS`.
            num_ways: classes an episode, where the domain has as many.
            num_shots: support examples a class.
            num_queries: query examples a class.
            seed: of all episodes.

        Raises:
            EpisodeError: a number is not positive, a domain has one class
                only, or the data set has too few examples.
            DataError: a class names no domain.
        """
        self.num_shots = as_positive("num_shots", num_shots)
        self.num_queries = as_positive("num_queries", num_queries)
        names = domain_names(dataset)
        self.domains = tuple(dict.fromkeys(names))
        groups = np.array([self.domains.index(name) for name in names])
        sizes = np.bincount(groups)
        check_several_ways(as_positive("num_ways", num_ways))
        if sizes.min() < 2:
            raise EpisodeError(
                f"domain {self.domains[sizes.argmin()]!r} of "
                f"{dataset.name!r} ({dataset.split}) has one class only."
            )
        self.num_ways = min(num_ways, int(sizes.max()))
        check_enough_examples(dataset, self.num_shots, self.num_queries)
        super().__init__(dataset, seed)
        with tf.device("CPU:0"):
            self._groups = tf.constant(groups, tf.int32)
            self._ways = tf.constant(np.minimum(sizes, self.num_ways), tf.int32)

    def with_data(self, dataset: ClassDataset) -> DomainSampler:
        """The same request of another data set.

        Args:
            dataset: where classes and examples come from.
        """
        return DomainSampler(
            dataset,
            num_ways=self.num_ways,
            num_shots=self.num_shots,
            num_queries=self.num_queries,
            seed=self.seed,
        )

    def identity(self) -> dict[str, Any]:
        """What two runs on the same episodes have in common, in JSON types."""
        return {
            **super().identity(),
            "kind": "domain",
            "num_ways": self.num_ways,
            "num_shots": self.num_shots,
            "num_queries": self.num_queries,
        }

    @property
    def _num_keys(self) -> int:
        ways, largest = self.num_ways, self.data.max_examples
        return 1 + self.data.num_classes + ways * largest

    def _episodes(self, keys: tf.Tensor) -> Episode:
        """Uses [tasks, 1 + classes + ways * largest class] keys."""
        tasks, ways = keys.shape[0], self.num_ways
        which, class_keys, example_keys = tf.split(
            keys, [1, self.data.num_classes, -1], axis=1
        )
        domain = tf.floor(which * len(self.domains))
        domain = tf.minimum(tf.cast(domain, tf.int32), len(self.domains) - 1)
        class_keys = tf.where(self._groups == domain, class_keys, ABSENT)
        drawn = tf.math.top_k(class_keys, ways).indices
        own = tf.gather(self._ways, domain)
        # Places beyond the domain's own ways start again with its first.
        places = tf.range(ways)[tf.newaxis] % own
        classes = tf.gather(drawn, places, batch_dims=1)
        example_keys = tf.reshape(
            example_keys, [-1, ways, self.data.max_examples]
        )
        each = self.num_shots + self.num_queries
        rows = self._rows_of(classes, example_keys, each)
        labels = labels_in_order(tasks, ways)
        episode = self._split(rows, labels, self.num_shots)
        return _masked(episode, tf.cast(own, tf.int64))


def _masked(episode: Episode, ways: tf.Tensor) -> Episode:
    """Turns labels at and beyond each task's ways [tasks, 1] to padding."""
    support, query = episode.support_y < ways, episode.query_y < ways
    nothing = tf.zeros([], tf.int64)
    return episode._replace(
        support_y=tf.where(support, episode.support_y, nothing),
        query_y=tf.where(query, episode.query_y, nothing),
        support_mask=support,
        query_mask=query,
    )
