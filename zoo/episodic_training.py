"""How Keras trains and tests an episodic learner: its compile and steps."""

from __future__ import annotations

from typing import Any, Literal

import keras
import tensorflow as tf

from metazoo.array_input import (
    as_keras_input,
    check_arrays,
    check_unlabelled_arrays,
)
from metazoo.base import MetaLearner
from metazoo.data.episode import Episode
from metazoo.errors import MetazooError
from metazoo.functional import accumulate_over_tasks
from metazoo.given_loss import logits_loss
from metazoo.losses import masked_cross_entropy
from metazoo.outer_update import (
    apply_meta_gradients,
    build_optimizer,
    loss_scale,
    unscaled,
)


class EpisodicTraining(MetaLearner):
    """Meta-training of a learner whose example is an episode.

    A subclass gives `meta_loss`; one that is not trained by the gradient of
    a loss overrides `chunk_gradients`.

    Attributes:
        default_tasks_per_chunk: how many tasks are differentiated together;
            None for all of a step. One keeps memory flat in their number.
        adapts_by_gradient: adaptation descends the gradient of a loss.
        skips_bad_updates: updates that are not finite are skipped unless
            `compile` says otherwise.
    """

    default_tasks_per_chunk: int | None = None
    adapts_by_gradient: bool = False
    skips_bad_updates: bool = False

    @property
    def logits_dtype(self) -> str:
        """Dtype of logits and losses: float64 in a float64 learner only."""
        wide = self.variable_dtype == "float64"
        return "float64" if wide else "float32"

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
        auto = tasks_per_chunk == "auto"
        self._tasks_per_chunk = (
            self.default_tasks_per_chunk if auto else tasks_per_chunk
        )
        self._query_loss = query_loss
        self._clip_elements = clip_elements
        scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if skip_bad_updates == "auto":
            skip_bad_updates = self.skips_bad_updates and not scales
        # Past Keras's tracking: a learner that is built takes no more state.
        skipped = (
            keras.metrics.Sum("skipped_steps") if skip_bad_updates else None
        )
        object.__setattr__(self, "_skipped", skipped)
        super().compile(
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            jit_compile=jit_compile,
            **kwargs,
        )

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
            for layer in self._flatten_layers(include_self=False)
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
