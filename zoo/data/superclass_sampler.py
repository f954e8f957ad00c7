"""Episodes whose labels are super-classes, such as alphabets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.episode import Episode
from metazoo.data.sampler_checks import (
    as_positive,
    check_enough_classes,
    check_enough_examples,
)
from metazoo.data.seeded_sampler import (
    ABSENT,
    SeededSampler,
    labels_in_order,
)
from metazoo.errors import EpisodeError


def superclass_names(dataset: ClassDataset) -> tuple[str, ...]:
    """Super-class of each class: what its name says before the last slash.

    An alphabet turned by 90, 180 or 270 degrees is one of its own:
    `Greek/character01@90` belongs to `Greek@90`.

    Args:
        dataset: with class names such as `Greek/character01`.

    Returns:
        One name a class.

    Raises:
        EpisodeError: a class name has no slash.
    """
    found = []
    for name in dataset.class_names:
        before, slash, after = name.rpartition("/")
        if not slash:
            raise EpisodeError(
                f"class {name!r} of {dataset.name!r} names no super-class; "
                "expected SUPERCLASS/CLASS, or pass superclasses."
            )
        _, turned, degrees = after.partition("@")
        found.append(before + turned + degrees)
    return tuple(found)


class SuperClassSampler(SeededSampler):
    """Draws episodes in which several classes share a label.

    With `num_ways`, an episode holds that many super-classes and
    `num_subclasses` classes of each (alphabets of the released script of
    Allen et al. 2019: 10 x 10 x 1). Without, it holds `num_subclasses`
    classes drawn from all (their workshop paper: 200), so that super-classes
    have unequal shots and some have none; its labels are the super-classes'
    numbers in an order of the episode's own. Queries show the classes of the
    support, by other examples.
    """

    def __init__(
        self,
        dataset: ClassDataset,
        *,
        num_ways: int | None,
        num_subclasses: int,
        num_shots: int = 1,
        num_queries: int = 1,
        superclasses: Sequence[str] | None = None,
        seed: int = 0,
    ) -> None:
        """Checks the request against the data and makes the data resident.

        Args:
            dataset: where classes and examples come from.
            num_ways: super-classes an episode, or None.
            num_subclasses: classes of each super-class, or of an episode;
                super-classes with fewer are never drawn.
            num_shots: support examples a class.
            num_queries: query examples a class.
            superclasses: super-class of each class; by default
                `superclass_names(dataset)`.
            seed: of all episodes.

        Raises:
            EpisodeError: a number is not positive, or the data set has too
                few super-classes, classes or examples.
        """
        self.num_ways = (
            None if num_ways is None else as_positive("num_ways", num_ways)
        )
        self.num_subclasses = as_positive("num_subclasses", num_subclasses)
        self.num_shots = as_positive("num_shots", num_shots)
        self.num_queries = as_positive("num_queries", num_queries)
        check_enough_examples(dataset, self.num_shots, self.num_queries)
        if superclasses is None:
            superclasses = superclass_names(dataset)
        self.names, groups = _numbered(dataset, superclasses)
        super().__init__(dataset, seed)
        members = _members(groups, len(self.names))
        if self.num_ways is None:
            check_enough_classes(dataset, self.num_subclasses)
        else:
            members = _large_enough(members, self.num_subclasses)
            _check_enough(members, self.num_ways, self.num_subclasses, dataset)
        with tf.device("CPU:0"):
            self._groups = tf.constant(groups, tf.int64)
            self._members = tf.constant(members, tf.int64)

    def identity(self) -> dict[str, Any]:
        """What two runs on the same episodes have in common, in JSON types."""
        return {
            **super().identity(),
            "kind": "superclass",
            "num_ways": self.num_ways,
            "num_subclasses": self.num_subclasses,
            "num_shots": self.num_shots,
            "num_queries": self.num_queries,
            "superclasses": list(self.names),
        }

    @property
    def num_drawn(self) -> int:
        """Classes in an episode."""
        return (self.num_ways or 1) * self.num_subclasses

    @property
    def _num_keys(self) -> int:
        return (
            len(self.names)
            + self.data.num_classes
            + self.num_drawn * self.data.max_examples
        )

    def _episodes(self, keys: tf.Tensor) -> Episode:
        groups, classes = len(self.names), self.data.num_classes
        group_keys, class_keys, example_keys = tf.split(
            keys, [groups, classes, -1], axis=1
        )
        if self.num_ways is None:
            drawn, labels = self._draw_classes(group_keys, class_keys)
        else:
            drawn, labels = self._draw_groups(
                group_keys, class_keys, self.num_ways
            )
        example_keys = tf.reshape(
            example_keys, [-1, self.num_drawn, self.data.max_examples]
        )
        each = self.num_shots + self.num_queries
        rows = self._rows_of(drawn, example_keys, each)
        return self._split(rows, labels, self.num_shots)

    def _draw_classes(
        self, group_keys: tf.Tensor, class_keys: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Classes of all kinds, and labels [tasks, classes] of their own."""
        drawn = tf.math.top_k(class_keys, self.num_subclasses).indices
        order = tf.argsort(tf.argsort(group_keys, axis=1), axis=1)
        groups = tf.gather(self._groups, drawn)
        labels = tf.gather(order, groups, batch_dims=1)
        return drawn, tf.cast(labels, tf.int64)

    def _draw_groups(
        self, group_keys: tf.Tensor, class_keys: tf.Tensor, num_ways: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Super-classes, then classes of each."""
        usable = group_keys[:, : self._members.shape[0]]
        groups = tf.math.top_k(usable, num_ways).indices
        members = tf.gather(self._members, groups)
        keys = tf.gather(class_keys, tf.maximum(members, 0), batch_dims=1)
        keys = tf.where(members < 0, ABSENT, keys)
        places = tf.math.top_k(keys, self.num_subclasses).indices
        drawn = tf.gather(members, places, batch_dims=2)
        drawn = tf.reshape(drawn, [-1, self.num_drawn])
        labels = labels_in_order(group_keys.shape[0], num_ways)
        return drawn, tf.repeat(labels, self.num_subclasses, axis=1)


def _numbered(
    dataset: ClassDataset, superclasses: Sequence[str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Distinct names in order of appearance, and each class's number."""
    if len(superclasses) != dataset.num_classes:
        raise EpisodeError(
            f"superclasses has {len(superclasses)} names; {dataset.name!r} "
            f"has {dataset.num_classes} classes."
        )
    names = tuple(dict.fromkeys(superclasses))
    number = {name: i for i, name in enumerate(names)}
    return names, np.array([number[name] for name in superclasses])


def _members(groups: np.ndarray, count: int) -> np.ndarray:
    """Classes of each super-class [super-classes, most classes], or -1."""
    lists = [np.flatnonzero(groups == group) for group in range(count)]
    members = np.full((count, max(map(len, lists))), -1)
    for row, classes in zip(members, lists, strict=True):
        row[: len(classes)] = classes
    return members


def _large_enough(members: np.ndarray, num_subclasses: int) -> np.ndarray:
    return members[(members >= 0).sum(1) >= num_subclasses]


def _check_enough(
    members: np.ndarray,
    num_ways: int,
    num_subclasses: int,
    dataset: ClassDataset,
) -> None:
    if len(members) < num_ways:
        raise EpisodeError(
            f"num_ways={num_ways} is more than the {len(members)} "
            f"super-classes of {dataset.name!r} ({dataset.split}) with "
            f"{num_subclasses} classes or more."
        )
