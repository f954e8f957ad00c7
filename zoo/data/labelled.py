"""Draws labelled batches from a data set, for supervised training."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from metazoo.data.augmentation import augmented
from metazoo.data.batch_sampler import BatchSampler
from metazoo.data.class_dataset import ClassDataset
from metazoo.errors import EpisodeError


class LabelledSampler(BatchSampler):
    """Draws batches of examples with the labels of their classes.

    A batch takes the form of a task without support, so that whatever runs
    on episodes runs on it: its queries are examples of all classes, and
    their labels are class numbers of the data set, the same in every batch.
    Batch i of seed s is the same on every call. The batches of an epoch
    show no example twice; what does not fill a last batch is left out.

    Attributes:
        data: where examples come from.
        seed: of all batches.
        num_examples: examples of a batch.
        augment: whether images are cropped, mirrored and recoloured.
    """

    def __init__(
        self,
        dataset: ClassDataset,
        *,
        num_examples: int,
        augment: bool = False,
        seed: int = 0,
    ) -> None:
        """Makes the data resident.

        Args:
            dataset: where examples come from.
            num_examples: examples of a batch.
            augment: crop, mirror and recolour each image at random; see
                `metazoo.data.augmentation`.
            seed: an integer in [-2^63, 2^63).

        Raises:
            EpisodeError: a number is out of range, or the examples to be
                augmented are no images.
        """
        super().__init__(dataset, num_examples, seed)
        self.augment = augment
        if num_examples > dataset.num_examples:
            raise EpisodeError(
                f"num_examples is {num_examples}; {dataset.name!r} has "
                f"{dataset.num_examples}."
            )
        if augment and len(dataset.image_shape) != 3:
            raise EpisodeError(
                "augment needs images [height, width, channels]; "
                f"{dataset.name!r} has examples of shape "
                f"{dataset.image_shape}."
            )
        with tf.device("CPU:0"):
            self._labels = tf.constant(dataset.labels)

    @property
    def batches_per_epoch(self) -> int:
        """Batches in which no example occurs twice."""
        return self.data.num_examples // self.num_examples

    def identity(self) -> dict[str, Any]:
        """What two runs on the same batches have in common, in JSON types."""
        return {
            **super().identity(),
            "kind": "labelled",
            "augment": self.augment,
        }

    def _batch(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        epoch, place = (
            number // self.batches_per_epoch,
            number % self.batches_per_epoch,
        )
        seed = tf.stack([tf.constant(self.seed, tf.int64), epoch])
        order = tf.argsort(
            tf.random.stateless_uniform(
                [self.data.num_examples], seed, alg="philox"
            )
        )
        rows = order[place * self.num_examples :][: self.num_examples]
        rows = tf.ensure_shape(rows, [self.num_examples])
        x = tf.cast(tf.gather(self._images, rows), tf.float32)
        if self.augment:
            seed = tf.stack([tf.constant(self.seed, tf.int64), number])
            x = augmented(x, seed)
        return x, tf.gather(self._labels, rows)
