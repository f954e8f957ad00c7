"""Losses of episodes that stay right when differentiated twice."""

from __future__ import annotations

import tensorflow as tf

# Added to the logits of classes a task does not have: their probability is
# exactly zero in float32, and no infinity enters a gradient.
MASKED_LOGIT = -1e9


def masked_cross_entropy(
    labels: tf.Tensor, logits: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    """Mean cross entropy of the real examples of each task.

    A label outside the columns of `logits` contributes nothing instead of
    failing, so that one bad task can't fail the tasks served beside it.

    Args:
        labels: int64 [tasks, examples] (any leading axes do).
        logits: float [tasks, examples, ways].
        mask: bool [tasks, examples], True where an example is real.

    Returns:
        float [tasks], the mean over real examples; 0 where there is none.
    """
    ways = logits.shape[-1] or tf.shape(logits)[-1]
    targets = tf.one_hot(labels, ways, dtype=logits.dtype)
    losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    weights = tf.cast(mask, logits.dtype)
    total = tf.reduce_sum(weights, -1)
    return tf.math.divide_no_nan(tf.reduce_sum(losses * weights, -1), total)


def class_mask_of(
    support_y: tf.Tensor, support_mask: tf.Tensor, num_ways: int | tf.Tensor
) -> tf.Tensor:
    """Marks the classes that have at least one real support example.

    Args:
        support_y: int64 [tasks, support].
        support_mask: bool [tasks, support].
        num_ways: number of columns, at least the largest label plus one.

    Returns:
        float32 [tasks, ways], 1 where the class has an example, else 0.
    """
    members = tf.one_hot(support_y, num_ways, dtype=tf.float32)
    members *= tf.cast(support_mask, tf.float32)[..., None]
    return tf.reduce_max(members, axis=-2)


def mask_logits(logits: tf.Tensor, class_mask: tf.Tensor) -> tf.Tensor:
    """Makes classes without support impossible.

    Args:
        logits: float [tasks, query, ways].
        class_mask: float [tasks, ways], 0 where a class is absent.

    Returns:
        float [tasks, query, ways].
    """
    absent = 1.0 - class_mask[..., None, :]
    return logits + tf.cast(absent * MASKED_LOGIT, logits.dtype)
