"""Labelled examples in memory, sorted by class: what every reader returns."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from metazoo.data.layout_checks import (
    check_no_empty_class,
    checked_class_indices,
    checked_images,
    checked_labels,
    checked_names,
    checked_offsets,
)
from metazoo.errors import DataError

_ROTATION_DEGREES = (0, 90, 180, 270)


@dataclasses.dataclass(frozen=True, eq=False)
class ClassDataset:
    """Examples of many classes, resident in memory, sorted by class.

    Attributes:
        images: uint8 [examples, height, width, channels] raw pixels,
            float32 [examples, *features], or texts: objects [examples] that
            are UTF-8 bytes. Class c holds the rows `class_offsets[c]` to
            `class_offsets[c + 1]`.
        class_offsets: int64 [classes + 1], rising from 0 to examples.
        class_names: one distinct name a class.
        name: the data set's name, for reports.
        split: the split's name, for reports.
        has_domains: class names are `DOMAIN/CLASS`, and an episode takes all
            its classes from one domain.
    """

    images: np.ndarray
    class_offsets: np.ndarray
    class_names: tuple[str, ...]
    name: str = "unnamed"
    split: str = "all"
    has_domains: bool = False

    def __post_init__(self) -> None:
        """Checks the layout and makes the arrays read-only views.

        Raises:
            DataError: a shape, dtype, offset or name is wrong.
        """
        images = checked_images(self.images)
        offsets = checked_offsets(self.class_offsets, len(images))
        names = checked_names(self.class_names, len(offsets) - 1)
        check_no_empty_class(offsets, names)
        object.__setattr__(self, "images", _read_only(images))
        object.__setattr__(self, "class_offsets", _read_only(offsets))
        object.__setattr__(self, "class_names", names)

    def __repr__(self) -> str:
        """Names the set, its split and its sizes."""
        return (
            f"ClassDataset(name={self.name!r}, split={self.split!r}, "
            f"num_classes={self.num_classes}, num_examples="
            f"{len(self.images)}, image_shape={self.image_shape}, "
            f"dtype={self.images.dtype})"
        )

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def num_examples(self) -> int:
        """Number of examples over all classes."""
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one example: (height, width, channels), () for texts."""
        return tuple(self.images.shape[1:])

    @property
    def holds_texts(self) -> bool:
        """Whether examples are texts."""
        return self.images.dtype == object

    @property
    def class_sizes(self) -> np.ndarray:
        """Examples in each class, int64 [classes]."""
        return np.diff(self.class_offsets)

    @property
    def min_examples(self) -> int:
        """Examples in the smallest class."""
        return int(self.class_sizes.min())

    @property
    def max_examples(self) -> int:
        """Examples in the largest class."""
        return int(self.class_sizes.max())

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """Class index of each example, int64 [examples]."""
        return np.repeat(np.arange(self.num_classes), self.class_sizes)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hex sha256 over dtype, shape, offsets, class names and bytes."""
        layout = (
            self.images.dtype.str,
            self.images.shape,
            self.class_offsets.tolist(),
            self.class_names,
        )
        digest = hashlib.sha256(repr(layout).encode("utf-8"))
        if not self.holds_texts:
            digest.update(np.ascontiguousarray(self.images).data)
            return digest.hexdigest()
        for text in self.images:
            digest.update(len(text).to_bytes(8, "little") + text)
        return digest.hexdigest()

    def select(
        self, class_indices: Sequence[int] | np.ndarray, split: str = ""
    ) -> ClassDataset:
        """Keeps some classes, in the order given.

        Args:
            class_indices: distinct integers in [0, num_classes).
            split: name of the new split; empty keeps the present one.

        Returns:
            A new data set with those classes only.

        Raises:
            DataError: none, repeated or unknown classes.
        """
        indices = checked_class_indices(class_indices, self.num_classes)
        starts, sizes = self.class_offsets[indices], self.class_sizes[indices]
        rows = [
            np.arange(start, start + size)
            for start, size in zip(starts, sizes, strict=True)
        ]
        return dataclasses.replace(
            self,
            images=self.images[np.concatenate(rows)],
            class_offsets=_offsets_of(sizes),
            class_names=tuple(self.class_names[i] for i in indices),
            split=split or self.split,
        )

    def joined(self, other: ClassDataset, split: str) -> ClassDataset:
        """Adds the classes of another data set.

        Args:
            other: has examples of the same shape and dtype, and no class of
                the same name.
            split: name of the new split.

        Returns:
            A data set with the classes of both, these first.

        Raises:
            DataError: the examples differ in shape or dtype, or a class is
                in both.
        """
        if (self.image_shape, self.images.dtype) != (
            other.image_shape,
            other.images.dtype,
        ):
            raise DataError(
                f"{self.name!r} has {self.images.dtype} examples of shape "
                f"{self.image_shape}, {other.name!r} {other.images.dtype} of "
                f"{other.image_shape}; only equal ones can be joined."
            )
        sizes = np.concatenate([self.class_sizes, other.class_sizes])
        return dataclasses.replace(
            self,
            images=np.concatenate([self.images, other.images]),
            class_offsets=_offsets_of(sizes),
            class_names=self.class_names + other.class_names,
            split=split,
        )

    def with_rotations(self) -> ClassDataset:
        """Makes each class turned by 90, 180 and 270 degrees a new class.

        Split classes first and rotate after: a character and its rotation
        must not lie on two sides of a split. The original classes come
        first, then all at 90 degrees (counter-clockwise), 180 and 270; the
        new names end in `@90`, `@180` and `@270`. Vinyals et al., Matching
        Networks for One Shot Learning (2016), section 4.1.1.

        Returns:
            A data set with four times as many classes.

        Raises:
            DataError: the examples are no square images.
        """
        shape = self.image_shape
        if len(shape) != 3 or shape[0] != shape[1]:
            raise DataError(
                "with_rotations needs square images [height, width, "
                f"channels]; {self.name!r} has examples of shape {shape}."
            )
        turned = [np.rot90(self.images, k, axes=(1, 2)) for k in range(4)]
        names = tuple(
            f"{name}@{degrees}" if degrees else name
            for degrees in _ROTATION_DEGREES
            for name in self.class_names
        )
        return dataclasses.replace(
            self,
            images=np.concatenate(turned),
            class_offsets=_offsets_of(np.tile(self.class_sizes, 4)),
            class_names=names,
        )

    def split_classes(
        self, held_out: int | float, seed: int = 0, held_split: str = "val"
    ) -> tuple[ClassDataset, ClassDataset]:
        """Holds out some classes, drawn at random, e.g. for validation.

        Args:
            held_out: number of classes (int), or their fraction (float).
            seed: of the draw; the same seed holds out the same classes.
            held_split: split name of the held-out part.

        Returns:
            (kept, held): two data sets with no class in common; both keep
            the order of the classes.

        Raises:
            DataError: either part would be empty.
        """
        number = held_out
        if isinstance(held_out, float):
            number = round(held_out * self.num_classes)
        if not 0 < number < self.num_classes:
            raise DataError(
                f"held_out={held_out!r} of {self.num_classes} classes leaves "
                "one part empty; give a count in [1, "
                f"{self.num_classes - 1}] or a fraction between 0 and 1."
            )
        order = np.random.default_rng(seed).permutation(self.num_classes)
        held, kept = np.sort(order[:number]), np.sort(order[number:])
        return self.select(kept), self.select(held, split=held_split)

    def split_examples(
        self, held_out: int, held_split: str = "held_out"
    ) -> tuple[ClassDataset, ClassDataset]:
        """Holds out the last examples of every class.

        In Omniglot these are the same drawers for all characters.

        Args:
            held_out: examples of each class.
            held_split: split name of the held-out part.

        Returns:
            (kept, held): two data sets with the same classes and no example
            in common.

        Raises:
            DataError: a class would have none left, or `held_out` is not
                positive.
        """
        if not 0 < held_out < self.min_examples:
            raise DataError(
                f"held_out={held_out!r} examples of a class leave one part "
                f"empty; the smallest class of {self.name!r} has "
                f"{self.min_examples}."
            )
        place = np.arange(self.num_examples)
        place -= np.repeat(self.class_offsets[:-1], self.class_sizes)
        is_held = place >= np.repeat(
            self.class_sizes - held_out, self.class_sizes
        )
        sizes = np.full(self.num_classes, held_out)
        parts = [
            (~is_held, self.class_sizes - held_out, self.split),
            (is_held, sizes, held_split),
        ]
        kept, held = (
            dataclasses.replace(
                self,
                images=self.images[rows],
                class_offsets=_offsets_of(each),
                split=split,
            )
            for rows, each, split in parts
        )
        return kept, held


def from_arrays(
    images: Any,
    labels: Any,
    class_names: Sequence[str] | None = None,
    *,
    name: str = "arrays",
    split: str = "all",
) -> ClassDataset:
    """Builds a data set from examples and their labels.

    Args:
        images: uint8 [examples, height, width], uint8 [examples, height,
            width, channels], float32 [examples, *features], or texts.
        labels: integers [examples]; indices of `class_names` if given.
        class_names: names of the classes 0, 1, ...; without them each label
            that occurs is a class, named by its number.
        name: the data set's name.
        split: the split's name.

    Returns:
        The data set, its examples sorted by class, in order within a class.

    Raises:
        DataError: shapes or dtypes are wrong, or a class has no example.
    """
    images = checked_images(_with_channels(np.asarray(images)))
    labels = checked_labels(labels, len(images))
    if class_names is None:
        values, labels = np.unique(labels, return_inverse=True)
        class_names = [str(value) for value in values]
    elif labels.min() < 0 or labels.max() >= len(class_names):
        raise DataError(
            f"labels must lie in [0, {len(class_names)}), the number of "
            f"class_names; they span {labels.min()} to {labels.max()}."
        )
    sizes = np.bincount(labels, minlength=len(class_names))
    order = np.argsort(labels, kind="stable")
    return ClassDataset(
        images=images[order],
        class_offsets=_offsets_of(sizes),
        class_names=tuple(class_names),
        name=name,
        split=split,
    )


def _with_channels(images: np.ndarray) -> np.ndarray:
    is_gray = images.dtype == np.uint8 and images.ndim == 3
    return images[..., np.newaxis] if is_gray else images


def _offsets_of(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
