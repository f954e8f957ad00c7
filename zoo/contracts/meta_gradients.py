"""The loss of an episodic learner, and its gradient over chunks of tasks."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from metazoo.base import MetaLearner
from metazoo.contracts.outer_update import loss_scale, unscaled
from metazoo.data.episode import Episode
from metazoo.errors import MetazooError
from metazoo.functional import accumulate_over_tasks
from metazoo.losses import masked_cross_entropy


class MetaGradients(MetaLearner):
    """A method gives `meta_loss`, or `chunk_gradients` where it has none.

    Attributes:
        default_tasks_per_chunk: how many tasks are differentiated together;
            None for all of a step. One keeps memory flat in their number.
    """

    default_tasks_per_chunk: int | None = None

    @property
    def logits_dtype(self) -> str:
        """Dtype of logits and losses: float64 in a float64 learner only."""
        wide = self.variable_dtype == "float64"
        return "float64" if wide else "float32"

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Post-adaptation loss of some tasks, in training mode.

        Args:
            episode: the tasks.
            num_ways: number of columns of the logits.

        Returns:
            The mean loss over tasks (scalar) and query logits
            [tasks, query, ways].
        """
        raise NotImplementedError

    def query_loss(self, episode: Episode, logits: tf.Tensor) -> tf.Tensor:
        """Mean loss of real queries: the compiled loss, or cross entropy.

        Args:
            episode: the tasks.
            logits: float [tasks, query, ways].

        Returns:
            Scalar.
        """
        logits = tf.cast(logits, self.logits_dtype)
        custom = getattr(self, "_query_loss", None)
        if custom is not None:
            mask = tf.cast(episode.query_mask, logits.dtype)
            return custom(episode.query_y, logits, sample_weight=mask)
        losses = masked_cross_entropy(
            episode.query_y, logits, episode.query_mask
        )
        return tf.reduce_mean(losses)

    def chunk_gradients(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Meta-gradient of the tasks of one chunk, averaged over them.

        Args:
            episode: the tasks of the chunk.
            num_ways: number of columns of the logits.

        Returns:
            Mean loss, query logits [tasks, query, ways], and one gradient
            for each of `trainable_variables`.
        """
        variables = [v.value for v in self.trainable_variables]
        scale = loss_scale(getattr(self, "optimizer", None))
        with tf.GradientTape() as tape:
            loss, logits = self.meta_loss(episode, num_ways)
            for penalty in self.losses:
                loss += tf.cast(penalty, loss.dtype)
            scaled = loss * scale
        gradients = tape.gradient(
            scaled, variables, unconnected_gradients="zero"
        )
        return loss, logits, unscaled(gradients, scale)

    def compute_gradients(
        self, episode: Episode
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Meta-gradient of a whole step, accumulated over chunks of tasks.

        Args:
            episode: all tasks of the step.

        Returns:
            As `chunk_gradients`.
        """
        self.check_ranks(episode)
        num_ways = self.ways_of(episode.support_y, episode.support_mask)
        chunk = getattr(self, "_tasks_per_chunk", self.default_tasks_per_chunk)
        if chunk is None:
            return self.chunk_gradients(episode, num_ways)
        return self._accumulated_gradients(episode, num_ways, chunk)

    def _accumulated_gradients(
        self, episode: Episode, num_ways: Any, chunk: int
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        def one_chunk(part: Episode, _: tf.Tensor) -> Any:
            loss, logits, gradients = self.chunk_gradients(part, num_ways)
            return (loss, gradients), logits

        chunks = _in_chunks(episode, chunk)
        zeros = [tf.zeros(v.shape, v.dtype) for v in self.trainable_variables]
        (loss, gradients), logits = accumulate_over_tasks(
            one_chunk,
            chunks,
            like=(tf.zeros([], self.logits_dtype), zeros),
            collect=tf.TensorSpec([None, None, None], self.logits_dtype),
        )
        count = tf.cast(tf.shape(chunks.support_y)[0], self.logits_dtype)
        logits = tf.reshape(logits, _merged_shape(logits))
        gradients = [g / tf.cast(count, g.dtype) for g in gradients]
        return loss / count, logits, gradients


def _in_chunks(episode: Episode, chunk: int) -> Episode:
    """Reshapes [tasks, ...] to [chunks, chunk, ...]."""
    tasks = episode.support_y.shape[0]
    if tasks is not None and tasks % chunk:
        raise MetazooError(
            f"tasks_per_chunk is {chunk}; it must divide the {tasks} tasks "
            "of a step."
        )

    def split(x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(x, tf.concat([[-1, chunk], tf.shape(x)[1:]], 0))

    def with_static_shape(x: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(split(x), [None, chunk, *x.shape[1:]])

    return episode.map(with_static_shape)


def _merged_shape(logits: tf.Tensor) -> tf.Tensor:
    return tf.concat([[-1], tf.shape(logits)[2:]], 0)
