"""How Keras trains and tests an episodic learner: its compile and steps."""

from __future__ import annotations

from typing import Any, Literal

import keras
import tensorflow as tf

from metazoo.checks.arrays import (
    as_keras_input,
    check_arrays,
    check_unlabelled_arrays,
)
from metazoo.contracts.given_loss import logits_loss
from metazoo.contracts.meta_gradients import MetaGradients
from metazoo.contracts.outer_update import (
    apply_meta_gradients,
    build_optimizer,
)
from metazoo.data.episode import Episode
from metazoo.errors import MetazooError
from metazoo.layers.nested import layers_of


class EpisodicTraining(MetaGradients):
    """Meta-training of a learner whose example is an episode.

    A subclass gives `meta_loss`; one that is not trained by the gradient of
    a loss overrides `chunk_gradients`.

    Attributes:
        adapts_by_gradient: adaptation descends the gradient of a loss.
        skips_bad_updates: updates that are not finite are skipped unless
            `compile` says otherwise.
    """

    adapts_by_gradient: bool = False
    skips_bad_updates: bool = False

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        jit_compile: bool = False,
        tasks_per_chunk: int | None | Literal["auto"] = "auto",
        clip_elements: float | None = None,
        skip_bad_updates: bool | Literal["auto"] = "auto",
        **kwargs: Any,
    ) -> None:
        """Configures training, as for any Keras model.

        Args:
            optimizer: the outer optimizer.
            loss: loss of (query_y, logits); None for the cross entropy of
                the method. It must take logits.
            metrics: as in Keras; by default accuracy over real queries.
            weighted_metrics: as in Keras.
            jit_compile: compile the step with XLA; needs a learner with a
                static number of ways. Off by default: convolutions compiled
                for CPUs are far slower.
            tasks_per_chunk: tasks differentiated together (gradients are
                accumulated over the chunks of a step); None for all,
                `"auto"` for the method's default.
            clip_elements: bound on every element of the outer gradient,
                before the optimizer clips norms; None for none.
            skip_bad_updates: leave out the update of a step whose gradient
                holds NaN or infinity, and count those steps of an epoch in
                the metric `skipped_steps`; `"auto"` for the method's
                default. Optimizers that scale the loss do so themselves.
            **kwargs: the other arguments of `keras.Model.compile`.

        Raises:
            MetazooError: a loss that expects probabilities, or a mixed
                precision that would spoil inner gradients.
        """
        query_loss = logits_loss(loss)
        optimizer = self._with_safe_precision(
            optimizer, kwargs.get("auto_scale_loss", True)
        )
        if metrics is None and weighted_metrics is None:
            weighted_metrics = [
                keras.metrics.SparseCategoricalAccuracy(name="accuracy")
            ]
        if tasks_per_chunk == "auto":
            tasks_per_chunk = self.default_tasks_per_chunk
        self._tasks_per_chunk = tasks_per_chunk
        self._query_loss = query_loss
        self._clip_elements = clip_elements
        scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if skip_bad_updates == "auto":
            skip_bad_updates = self.skips_bad_updates and not scales
        self._count_skipped(bool(skip_bad_updates))
        super().compile(
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            jit_compile=jit_compile,
            **kwargs,
        )

    def _count_skipped(self, skips: bool) -> None:
        # Past Keras's tracking: a learner that is built takes no more state.
        skipped = keras.metrics.Sum("skipped_steps") if skips else None
        self.keep_untracked("_skipped", skipped)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Keras's, and the count of skipped steps where they are skipped."""
        skipped = getattr(self, "_skipped", None)
        return super().metrics + ([] if skipped is None else [skipped])

    def fit(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> keras.callbacks.History:
        """Trains on episodes; see `keras.Model.fit`.

        Args:
            x: a dataset of episodes in their Keras form, or a dict of NumPy
                arrays `support_x`, `support_y`, `query_x` and maybe
                `support_mask`. Arrays are checked; a dataset is not.
            y: query labels int [tasks, query], with arrays.
            *args: as in Keras.
            **kwargs: as in Keras; `sample_weight` is the query mask.

        Returns:
            Keras's history.

        Raises:
            EpisodeError: arrays hold no valid episodes.
        """
        check_arrays(self, x, y, kwargs.get("sample_weight"))
        held_out = kwargs.get("validation_data")
        if isinstance(held_out, (tuple, list)):
            check_arrays(self, *held_out)
            kwargs["validation_data"] = (
                as_keras_input(held_out[0]),
                *held_out[1:],
            )
        return super().fit(as_keras_input(x), y, *args, **kwargs)

    def evaluate(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Tests on episodes; see `keras.Model.evaluate`.

        Args:
            x: as in `fit`.
            y: as in `fit`.
            *args: as in Keras.
            **kwargs: as in Keras; `sample_weight` is the query mask.

        Returns:
            What Keras returns.

        Raises:
            EpisodeError: arrays hold no valid episodes.
        """
        check_arrays(self, x, y, kwargs.get("sample_weight"))
        return super().evaluate(as_keras_input(x), y, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Logits of the queries of episodes; see `keras.Model.predict`.

        Args:
            x: as in `fit`.
            *args: as in Keras.
            **kwargs: as in Keras.

        Returns:
            float32 [tasks, query, ways].

        Raises:
            EpisodeError: arrays hold no valid episodes.
        """
        check_unlabelled_arrays(self, x)
        return super().predict(as_keras_input(x), *args, **kwargs)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Returns the arguments of `compile`, for `save`."""
        config = super().get_compile_config()
        if not self.compiled:
            return config
        return {
            **config,
            "tasks_per_chunk": self._tasks_per_chunk,
            "clip_elements": self._clip_elements,
            "skip_bad_updates": self._skipped is not None,
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as `get_compile_config` recorded, for `load_model`.

        Args:
            config: what `get_compile_config` returned.
        """
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One outer update; what `fit` and the trainers compile.

        Args:
            data: an `Episode` or its Keras form.

        Returns:
            Metric name to value.
        """
        episode = Episode.from_keras(data)
        build_optimizer(self.optimizer, self.trainable_variables)
        loss, logits, gradients = self.compute_gradients(episode)
        applied = apply_meta_gradients(
            self.optimizer,
            gradients,
            self.trainable_variables,
            self._clip_elements,
            skip_bad=self._skipped is not None,
            loss=loss,
        )
        if self._skipped is None:
            return self._update_metrics(episode, loss, logits)
        # Replicas skip together, and their counts are summed.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self._skipped.update_state(tf.where(applied, 0.0, 1.0 / replicas))
        return self._update_metrics(episode, loss, logits, applied)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Adapts to each task and scores its queries.

        Args:
            data: an `Episode` or its Keras form.

        Returns:
            Metric name to value.
        """
        episode = Episode.from_keras(data)
        inputs, _, _ = episode.to_keras()
        logits = self(inputs, training=False)
        loss = self.query_loss(episode, logits)
        return self._update_metrics(episode, loss, logits)

    def _update_metrics(
        self,
        episode: Episode,
        loss: tf.Tensor,
        logits: tf.Tensor,
        counts: tf.Tensor | bool = True,
    ) -> dict[str, Any]:
        tasks = tf.shape(episode.support_y)[0]
        if counts is not True:
            # One step that is not finite must not hide all others.
            tasks = tf.where(counts, tasks, 0)
            loss = tf.where(counts, loss, tf.zeros_like(loss))
        self._loss_tracker.update_state(loss, sample_weight=tasks)
        # Keras's top-k metrics need a static number of columns; that of
        # distractors may follow those of the ways.
        columns = None if self.uses_unlabelled else self.num_ways
        logits = tf.ensure_shape(logits, [None, None, columns])
        inputs, query_y, query_mask = episode.to_keras()
        return self.compute_metrics(
            inputs, query_y, logits, sample_weight=query_mask
        )

    def _with_safe_precision(self, optimizer: Any, scale_loss: bool) -> Any:
        """Scales the loss of float16 layers; refuses inner gradients."""
        half = [
            layer.name
            for layer in layers_of(self, include_self=False)
            if layer.dtype_policy.compute_dtype == "float16"
        ]
        if half and (self.second_order or self.adapts_by_gradient):
            raise MetazooError(
                f"Layers {half[:5]} compute in float16, whose range is too "
                "small for inner gradients; use mixed_bfloat16 or float32."
            )
        optimizer = keras.optimizers.get(optimizer)
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if half and scale_loss and not scaled:
            return keras.optimizers.LossScaleOptimizer(optimizer)
        return optimizer
