"""ATAML where a text may carry several labels of its task, or none."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from metazoo.checks.examples import as_array, check_mask, check_ways
from metazoo.contracts.episodic_serving import MAX_SERVED_WAYS
from metazoo.data.episode import Episode
from metazoo.errors import EpisodeError
from metazoo.methods.ataml.ataml_inner import Support, mean_over_texts
from metazoo.methods.ataml.ataml_model import ATAML
from metazoo.wire.guards import require

THRESHOLD = 0.5


@keras.saving.register_keras_serializable(package="metazoo")
class MultiLabelATAML(ATAML):
    """`ATAML` with elementwise sigmoids (Jiang et al. 2018, section 4).

    `support_y` is float32 [tasks, support, ways] of zeros and ones, and so
    is `query_y`. The loss is the sigmoid cross entropy, mean over the labels
    of a text. Predictions carry `labels`, bool [tasks, query, ways]: where
    the probability is above 0.5; `classes` is the most probable label.

    Args:
        backbone: as for `ATAML`.
        vocabulary: as for `ATAML`.
        **kwargs: as for `ATAML`.
    """

    predictions = (*ATAML.predictions, "labels")
    # A label may hold or not.
    least_classes = 1
    wire_docs = {
        **ATAML.wire_docs,
        "support_y": "0 or 1 for each label; [tasks, support, ways]",
        "labels": "probability above 0.5; [tasks, query, ways]; False in a "
        "faulty task",
    }

    def compile(  # type: ignore[override]
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """As `EpisodicLearner.compile`, with accuracy over all labels."""
        if metrics is None and weighted_metrics is None:
            weighted_metrics = [
                keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)
            ]
        super().compile(optimizer, loss, metrics, weighted_metrics, **kwargs)

    def check_ranks(self, episode: Episode) -> None:
        """Refuses labels that are not [tasks, examples, ways].

        Raises:
            EpisodeError: they are not.
        """
        for name in ("support", "query"):
            y = getattr(episode, f"{name}_y")
            x = getattr(episode, f"{name}_x")
            if y is not None and not y.shape.is_compatible_with(
                [*x.shape[:2], self.num_ways]
            ):
                raise EpisodeError(
                    f"{name}_y has shape {y.shape}; expected [tasks, "
                    f"examples, {self.num_ways or 'ways'}]."
                )

    def ways_of(self, support_y: tf.Tensor, support_mask: tf.Tensor) -> Any:
        """Number of columns: fixed, or that of the labels."""
        return self.num_ways or support_y.shape[-1] or tf.shape(support_y)[-1]

    def support_of(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
        seed: tf.Tensor | None = None,
    ) -> Support:
        """As in `ATAML`; columns beyond the task's labels are absent."""
        dtype = self.variable_dtype
        missing = num_ways - tf.shape(support_y)[-1]
        targets = tf.pad(
            tf.cast(support_y, dtype), [[0, 0], [0, 0], [0, missing]]
        )
        present = tf.sequence_mask(tf.shape(support_y)[-1], num_ways, dtype)
        return Support(
            self.numeric(support_x),
            targets,
            tf.cast(support_mask, dtype),
            tf.tile(present[None], [tf.shape(support_y)[0], 1]),
            seed,
        )

    def text_losses(
        self, targets: tf.Tensor, logits: tf.Tensor, support: Support
    ) -> tf.Tensor:
        """Loss of each text: sigmoid cross entropy, mean over its labels."""
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
        # An absent column's loss is zero, for its logit is.
        count = tf.reduce_sum(support.class_mask, -1)[:, None]
        return tf.reduce_sum(losses, -1) / count

    def query_loss(self, episode: Episode, logits: tf.Tensor) -> tf.Tensor:
        """Mean loss of real queries: the compiled one, or the sigmoid's."""
        logits = tf.cast(logits, self.logits_dtype)
        mask = tf.cast(episode.query_mask, logits.dtype)
        custom = getattr(self, "_query_loss", None)
        if custom is not None:
            return custom(episode.query_y, logits, sample_weight=mask)
        targets = tf.cast(episode.query_y, logits.dtype)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
        means = mean_over_texts(tf.reduce_mean(losses, -1), mask)
        return tf.reduce_mean(means)

    def outputs_of(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Predictions with a sigmoid for each label."""
        outputs = super().outputs_of(logits)
        shares = tf.sigmoid(outputs["logits"])
        return {
            **outputs,
            "probabilities": shares,
            "labels": shares > THRESHOLD,
        }

    # The boundaries: Python, and the wire.

    def _checked_support(
        self, support_x: Any, support_y: Any, support_mask: Any, num_ways: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, bool]:
        x, single = self.checked_examples("support_x", support_x)
        mask = check_mask("support_mask", support_mask, x.shape[:2])
        y = as_array("support_y", support_y)
        y = y[None] if y.ndim == 2 and len(x) == 1 else y
        if y.ndim != 3 or y.shape[:2] != x.shape[:2] or y.shape[-1] < 1:
            raise EpisodeError(
                f"support_y has shape {y.shape}; expected "
                f"{(*x.shape[:2], 'ways')}, one column a label."
            )
        if y.dtype.kind not in "buif" or not np.isin(y, (0, 1)).all():
            raise EpisodeError("support_y must hold zeros and ones.")
        ways = check_ways(num_ways, self.num_ways) or y.shape[-1]
        if y.shape[-1] > ways:
            raise EpisodeError(
                f"support_y has {y.shape[-1]} columns; this model tells "
                f"{ways} labels apart."
            )
        return x, y.astype(np.float32), mask, ways, single

    def label_spec(self) -> tf.TensorSpec:
        """Zeros and ones: float32 [tasks, support, ways]."""
        return tf.TensorSpec([None, None, None], tf.float32, "support_y")

    def faulty_labels(self, support_y: tf.Tensor) -> tf.Tensor:
        """Finds the tasks with labels that are neither 0 nor 1.

        Args:
            support_y: as `label_spec` tells.

        Returns:
            bool [tasks].
        """
        return tf.reduce_any((support_y != 0) & (support_y != 1), [1, 2])

    def example_episode(self, num_tasks: int, seed: int = 0) -> Episode:
        """A random valid episode; texts have two labels or one."""
        episode = super().example_episode(num_tasks, seed)
        ways = self.num_ways or 3

        def many(labels: np.ndarray) -> np.ndarray:
            one = np.eye(ways, dtype=np.float32)
            return np.maximum(one[labels], one[(labels + 1) % ways])

        return episode._replace(
            support_y=many(episode.support_y), query_y=many(episode.query_y)
        )

    def _support_checks(
        self, support_x: tf.Tensor, support_y: tf.Tensor
    ) -> list[Any]:
        ways = tf.shape(support_y)[-1]
        most = self.num_ways or MAX_SERVED_WAYS
        text = f"support_y must have 1 to {most} columns:"
        return [
            *super()._support_checks(support_x, support_y),
            require((ways > 0) & (ways <= most), text, ways),
        ]

    def _serve_predict(
        self, query_x: tf.Tensor, **state: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        outputs = super()._serve_predict(query_x, **state)
        # NaN is not above the threshold.
        return {**outputs, "labels": outputs["probabilities"] > THRESHOLD}
