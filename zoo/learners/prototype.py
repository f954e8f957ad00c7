"""Learners whose task state is one mean embedding for each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from metazoo.learners.embedding import EmbeddingLearner
from metazoo.losses import class_mask_of, mask_logits


class PrototypeLearner(EmbeddingLearner):
    """Nearest class means; a method says how its embedding is trained."""

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Prototypes of each task; see `EpisodicLearner.adapt_state`."""
        return prototypes_of(
            self.embed(support_x), support_y, support_mask, num_ways
        )

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Negative squared distances; see `EpisodicLearner`."""
        return negative_distances(self.embed(query_x), state)

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`prototypes` [tasks, ways, embedding], `class_mask`."""
        size, ways = self.embedding_size, self.num_ways
        return {
            "prototypes": tf.TensorSpec(
                [None, ways, size], tf.float32, "prototypes"
            ),
            "class_mask": tf.TensorSpec([None, ways], tf.float32, "class_mask"),
        }


def prototypes_of(
    z: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor, num_ways: Any
) -> dict[str, tf.Tensor]:
    """Mean embedding of each class.

    Args:
        z: float [tasks, support, embedding].
        labels: int64 [tasks, support].
        mask: bool [tasks, support]; False rows count for nothing.
        num_ways: number of classes, a Python int or int32 scalar.

    Returns:
        `prototypes` [tasks, ways, embedding], zero for absent classes, and
        `class_mask` [tasks, ways].
    """
    members = tf.one_hot(labels, num_ways, dtype=tf.float32)
    members *= tf.cast(mask, tf.float32)[..., None]
    counts = tf.reduce_sum(members, axis=1)
    sums = tf.matmul(members, z, transpose_a=True)
    return {
        "prototypes": tf.math.divide_no_nan(sums, counts[..., None]),
        "class_mask": class_mask_of(labels, mask, num_ways),
    }


def negative_distances(
    z: tf.Tensor, state: Mapping[str, tf.Tensor]
) -> tf.Tensor:
    """Minus the squared distances of embeddings to the prototypes.

    Args:
        z: float [tasks, query, embedding].
        state: what `prototypes_of` returned.

    Returns:
        Logits [tasks, query, ways]; absent classes get -1e9.
    """
    prototypes = state["prototypes"]
    cross = tf.matmul(z, prototypes, transpose_b=True)
    z_norm = tf.reduce_sum(tf.square(z), -1)[..., None]
    p_norm = tf.reduce_sum(tf.square(prototypes), -1)[:, None, :]
    return mask_logits(2.0 * cross - z_norm - p_norm, state["class_mask"])
