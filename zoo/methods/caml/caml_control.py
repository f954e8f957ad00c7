"""CAML without what its conditioning knows: controls for experiments."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo.methods.caml.caml_model import CAML

_SEED = (17, 29)


@keras.saving.register_keras_serializable(package="metazoo")
class ShuffledCAML(CAML):
    """CAML whose embeddings change places between the images of a set.

    A control for experiments: it has all of CAML's parts, steps and numbers
    and no knowledge of the classes. Its answers depend on the other images
    of a set and their order, so it is of no use for serving.
    """

    def embed(self, x: tf.Tensor) -> tf.Tensor:
        """Places of other examples of the same set.

        All places go round in one cycle, so that no example of two or more
        keeps its own. The order depends on the number of examples alone.

        Args:
            x: float32 [tasks, examples, *features], raw values.

        Returns:
            [tasks, examples, embedding], of the learner's own dtype.
        """
        z = super().embed(x)
        return tf.gather(z, others(tf.shape(z)[1]), axis=1)


def others(count: Any) -> tf.Tensor:
    """For each example the place of another: one random cycle.

    Args:
        count: examples, a number or a scalar tensor.

    Returns:
        int32 [count].
    """
    order = tf.argsort(tf.random.stateless_uniform([count], _SEED))
    return tf.scatter_nd(order[:, None], tf.roll(order, -1, 0), [count])


@keras.saving.register_keras_serializable(package="metazoo")
class UnconditionedCAML(CAML):
    """CAML whose embeddings are all zero: MAML, with the multitask term."""

    def embed(self, x: tf.Tensor) -> tf.Tensor:
        """Zeros, which modulate nothing.

        Args:
            x: float32 [tasks, examples, *features], raw values.

        Returns:
            [tasks, examples, embedding], of the learner's own dtype.
        """
        size = self.metric.output_shape[-1]
        shape = tf.concat([tf.shape(x)[:2], [size]], 0)
        return tf.ensure_shape(
            tf.zeros(shape, self.variable_dtype), [None, None, size]
        )
