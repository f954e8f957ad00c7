"""Tasks that are whole alphabets: long trainings, not few-shot episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.data.affine import NUM_DRAWS, moved
from metazoo.data.class_dataset import ClassDataset
from metazoo.data.episode import Episode
from metazoo.data.sampler_checks import as_positive
from metazoo.data.seeded_sampler import labels_in_order
from metazoo.data.superclass_sampler import (
    SuperClassSampler,
    superclass_names,
)
from metazoo.errors import EpisodeError


class AlphabetSampler(SuperClassSampler):
    """Draws tasks whose classes are characters of one alphabet.

    The support set is what mini-batches walk through in the order given:
    all drawings once, in random order, then all of them again in another
    order, for `num_epochs` epochs. With `augment`, every drawing of every
    epoch and every query is turned, scaled and shifted in a way of its own
    (`metazoo.data.affine.moved`). The multi-shot Omniglot setting of
    Flennerhag et al. 2019 (arXiv:1812.01054): 20 characters, 15 drawings to
    train on and 5 held out.
    """

    def __init__(
        self,
        dataset: ClassDataset,
        *,
        num_ways: int,
        num_shots: int,
        num_queries: int,
        num_epochs: int = 1,
        augment: bool = False,
        superclasses: Sequence[str] | None = None,
        seed: int = 0,
    ) -> None:
        """Checks the request against the data and makes the data resident.

        Args:
            dataset: where classes and examples come from.
            num_ways: characters a task; alphabets with fewer are never drawn.
            num_shots: drawings of a character to train on.
            num_queries: other drawings of it.
            num_epochs: how often the support set holds each drawing.
            augment: move every drawing; needs images.
            superclasses: alphabet of each class; by default
                `superclass_names(dataset)`.
            seed: of all tasks.

        Raises:
            EpisodeError: a number is not positive, the data set has too few
                classes or examples, or `augment` and its examples are no
                images.
        """
        self.num_epochs = as_positive("num_epochs", num_epochs)
        self.augment = augment
        if augment and len(dataset.image_shape) != 3:
            raise EpisodeError(
                f"augment moves images; {dataset.name!r} has examples of "
                f"shape {dataset.image_shape}."
            )
        super().__init__(
            dataset,
            num_ways=1,
            num_subclasses=num_ways,
            num_shots=num_shots,
            num_queries=num_queries,
            superclasses=superclasses,
            seed=seed,
        )

    def identity(self) -> dict[str, Any]:
        """What two runs on the same episodes have in common, in JSON types."""
        return {
            **super().identity(),
            "kind": "alphabet",
            "num_epochs": self.num_epochs,
            "augment": self.augment,
        }

    @property
    def _num_images(self) -> tuple[int, int]:
        """Drawings of a support set and of a query set."""
        support = self.num_drawn * self.num_shots * self.num_epochs
        return support, self.num_drawn * self.num_queries

    @property
    def _num_keys(self) -> int:
        support, queries = self._num_images
        moves = NUM_DRAWS * (support + queries) if self.augment else 0
        return super()._num_keys + support + moves

    def _episodes(self, keys: tf.Tensor) -> Episode:
        support, _ = self._num_images
        own, order, moves = tf.split(
            keys, [super()._num_keys, support, -1], axis=1
        )
        drawn = super()._episodes(own)
        labels = labels_in_order(keys.shape[0], self.num_drawn)
        rows = self._walk(order)
        episode = drawn._replace(
            support_x=tf.gather(drawn.support_x, rows, batch_dims=1),
            support_y=tf.gather(
                tf.repeat(labels, self.num_shots, axis=1), rows, batch_dims=1
            ),
            support_mask=tf.ones_like(rows, tf.bool),
            query_y=tf.repeat(labels, self.num_queries, axis=1),
        )
        return self._moved(episode, moves) if self.augment else episode

    def _walk(self, keys: tf.Tensor) -> tf.Tensor:
        """Places in the support set [tasks, epochs * drawings]."""
        tasks, total = keys.shape
        keys = tf.reshape(keys, [tasks, self.num_epochs, -1])
        return tf.reshape(tf.argsort(keys, axis=-1), [tasks, total])

    def _moved(self, episode: Episode, draws: tf.Tensor) -> Episode:
        support, _ = self._num_images
        draws = tf.reshape(draws, [draws.shape[0], -1, NUM_DRAWS])

        def move(x: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
            flat = tf.reshape(x, [-1, *self.data.image_shape])
            flat = moved(flat, tf.reshape(draws, [-1, NUM_DRAWS]))
            return tf.reshape(flat, x.shape)

        return episode._replace(
            support_x=move(episode.support_x, draws[:, :support]),
            query_x=move(episode.query_x, draws[:, support:]),
        )


def choose_alphabets(
    data: ClassDataset,
    number: int | None,
    min_characters: int,
    seed: int = 0,
) -> ClassDataset:
    """Keeps the first alphabets of a random order.

    A larger number keeps those of a smaller one too.

    Args:
        data: with class names such as `Greek/character01`.
        number: alphabets to keep; None for all that are large enough.
        min_characters: smaller alphabets are left out.
        seed: of the order.

    Returns:
        The data set of these alphabets, classes in their order.

    Raises:
        EpisodeError: there are not so many alphabets, or none.
    """
    names = np.array(superclass_names(data))
    found, sizes = np.unique(names, return_counts=True)
    found = found[sizes >= min_characters]
    wanted = len(found) if number is None else number
    if not 0 < wanted <= len(found):
        raise EpisodeError(
            f"number of alphabets: got {number}; {data.name!r} "
            f"({data.split}) has {len(found)} with {min_characters} "
            "characters or more."
        )
    order = np.random.default_rng(seed).permutation(len(found))
    kept = found[order[:wanted]]
    return data.select(np.flatnonzero(np.isin(names, kept)))
