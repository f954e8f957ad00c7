"""Batches of images in which all clusters are equally frequent."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.checks.options import check_choice
from metazoo.data.augmentation import augmented
from metazoo.data.batch_sampler import BatchSampler
from metazoo.data.class_dataset import ClassDataset
from metazoo.errors import EpisodeError

_PAPER = 255.0
_LEAST_AREA = 0.6
AUGMENTATIONS = ("photos", "drawings", "none")


class BalancedSampler(BatchSampler):
    """Draws images by a uniform choice of their cluster.

    A batch has the form of a `LabelledSampler`'s: queries with the number of
    their cluster for a label. Batch i of seed s is the same on every call.
    """

    def __init__(
        self,
        dataset: ClassDataset,
        clusters: np.ndarray,
        *,
        num_examples: int,
        augmentation: str = "none",
        seed: int = 0,
    ) -> None:
        """Makes the data resident.

        Args:
            dataset: images; their classes are not looked at.
            clusters: int [examples], in the order of the images.
            num_examples: images of a batch.
            augmentation: "photos" (crops, mirrors, colours), "drawings"
                (crops alone, with paper beyond the edge) or "none".
            seed: of all batches.

        Raises:
            EpisodeError: there is not one cluster for each image.
            MetazooError: there is no such augmentation.
        """
        super().__init__(dataset, num_examples, seed)
        clusters = np.asarray(clusters)
        if clusters.shape != (dataset.num_examples,):
            raise EpisodeError(
                f"clusters has shape {clusters.shape}; expected one for each "
                f"of the {dataset.num_examples} examples."
            )
        self.augmentation = check_choice(
            "augmentation", augmentation, AUGMENTATIONS
        )
        self._digest = hashlib.sha256(clusters.astype("<i4").tobytes())
        order = np.argsort(clusters, kind="stable")
        numbers, starts, sizes = np.unique(
            clusters[order], return_index=True, return_counts=True
        )
        with tf.device("CPU:0"):
            self._order = tf.constant(order, tf.int64)
            self._numbers = tf.constant(numbers, tf.int64)
            self._firsts = tf.constant(starts, tf.int64)
            self._sizes = tf.constant(sizes, tf.int64)

    def identity(self) -> dict[str, Any]:
        """What two runs on the same batches have in common, in JSON types."""
        return {
            **super().identity(),
            "kind": "balanced",
            "clusters": self._digest.hexdigest(),
            "augmentation": self.augmentation,
        }

    def _batch(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seed = tf.stack([tf.constant(self.seed, tf.int64), number])
        draws = tf.random.stateless_uniform(
            [2, self.num_examples], seed, alg="philox"
        )
        chosen = _whole(draws[0], tf.size(self._numbers, tf.int64))
        place = _whole(draws[1], tf.gather(self._sizes, chosen))
        rows = tf.gather(self._order, tf.gather(self._firsts, chosen) + place)
        x = tf.cast(tf.gather(self._images, rows), tf.float32)
        if self.augmentation == "photos":
            x = augmented(x, seed)
        elif self.augmentation == "drawings":
            x = _cropped(x, seed)
        return x, tf.gather(self._numbers, chosen)


def _whole(draws: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
    """Uniform integers in [0, size) from uniform numbers in [0, 1)."""
    found = tf.floor(draws * tf.cast(sizes, tf.float32))
    return tf.minimum(tf.cast(found, tf.int64), sizes - 1)


def _cropped(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Zooms in and out and shifts, each image in its own way."""
    fold = tf.random.experimental.stateless_fold_in
    count = tf.shape(images)[0]
    draws = tf.random.stateless_uniform(
        [4, count], fold(tf.cast(seed, tf.int32), 1), alg="philox"
    )
    height, width = (
        _LEAST_AREA + (1.2 - _LEAST_AREA) * draws[i] for i in (0, 1)
    )
    top, left = (1.0 - height) * draws[2], (1.0 - width) * draws[3]
    boxes = tf.stack([top, left, top + height, left + width], 1)
    crops = tf.image.crop_and_resize(
        images,
        boxes,
        tf.range(count),
        images.shape[1:3],
        extrapolation_value=_PAPER,
    )
    return tf.ensure_shape(crops, images.shape)
