"""Endpoints of a GMM-VAE: a faulty task spoils no other."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from metazoo.methods.gmm_vae.gmm_vae_graphs import GMMVAEGraphs
from metazoo.methods.gmm_vae.gmm_vae_wire import (
    MAX_SAMPLES,
    WIRE_DOCS,
    signatures_of,
)
from metazoo.wire.faults import any_not_finite, spoil_all, tasks_not_finite
from metazoo.wire.signature import Signature


class GMMVAEServing(GMMVAEGraphs):
    """Serves integration and generation."""

    wire_docs = WIRE_DOCS

    def signatures(self) -> tuple[Signature, ...]:
        """Adds integration and generation."""
        return signatures_of(self, super().signatures())

    def example_extras(self, num_tasks: int) -> dict[str, np.ndarray]:
        """Inputs of endpoints that an episode does not hold.

        Args:
            num_tasks: number of tasks.
        """
        rng = np.random.default_rng(num_tasks)
        low, high = self.value_range or (0.0, 1.0)
        counts = {
            "top_k": 2,
            "class_index": 1,
            "base_class": 1,
            "num_samples": 2,
            "num_classes": 2,
        }
        return {
            **super().example_extras(num_tasks),
            **{k: np.full(num_tasks, v, np.int32) for k, v in counts.items()},
            "seed": np.arange(2 * num_tasks, dtype=np.int32).reshape(-1, 2),
            "sample_centre": np.ones(num_tasks, bool),
            "x": rng.uniform(low, high, (num_tasks, 3, *self.image_shape)),
        }

    def _serve_integrate(
        self, query_x: tf.Tensor, top_k: tf.Tensor, **state: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        with tf.control_dependencies(self._ways_agree(state)):
            query_x = tf.identity(query_x)
        limit = self.options.num_classes + tf.shape(state["shots"])[1]
        wrong = (top_k < 1) | (top_k > limit)
        top_k = tf.reduce_max(tf.where(wrong, 1, top_k))
        found = self._function("integrate")(query_x, state, top_k)
        wrong |= tasks_not_finite([query_x, found["log_prob"]])
        nobody = -tf.ones_like(found["class_id"])
        ids = tf.where(wrong[:, None, None], nobody, found["class_id"])
        new = found["is_new"] & ~wrong[:, None]
        return spoil_all({**found, "class_id": ids, "is_new": new}, wrong)

    def _serve_integrate_full(
        self, query_x: tf.Tensor, **state: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        with tf.control_dependencies(self._ways_agree(state)):
            query_x = tf.identity(query_x)
        found = self._function("integrate_full")(query_x, state)
        wrong = tasks_not_finite([query_x, found["log_prob"]])
        new = found["is_new"] & ~wrong[:, None]
        return spoil_all({**found, "is_new": new}, wrong)

    def _serve_adapt_integrate(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        query_x: tf.Tensor,
        top_k: tf.Tensor,
        support_mask: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        state = self._serve_adapt(support_x, support_y, support_mask)
        return self._serve_integrate(query_x, top_k, **state)

    def _serve_generate(
        self,
        class_index: tf.Tensor,
        num_samples: tf.Tensor,
        seed: tf.Tensor,
        sample_centre: tf.Tensor,
        **state: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        with tf.control_dependencies(self._ways_agree(state)):
            shots = tf.identity(state["shots"])
        ways = tf.shape(shots)[1]
        wrong = (class_index < 0) | (class_index >= ways)
        index = tf.where(wrong, 0, class_index)
        wrong |= tf.gather(shots, index, batch_dims=1) < 1
        wrong |= tasks_not_finite([state["new_mean"], state["new_log_std"]])
        count, wrong = _served_count(num_samples, wrong)
        found = self._function("generate")(
            {**state, "shots": shots}, index, count, seed, sample_centre
        )
        return spoil_all(found, wrong)

    def _serve_generate_base(
        self,
        base_class: tf.Tensor,
        num_samples: tf.Tensor,
        seed: tf.Tensor,
        sample_centre: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        wrong = (base_class < 0) | (base_class >= self.options.num_classes)
        index = tf.where(wrong, 0, base_class)
        count, wrong = _served_count(num_samples, wrong)
        found = self._function("generate_base")(
            index, count, seed, sample_centre
        )
        return spoil_all(found, wrong)

    def _serve_imagine(
        self, num_classes: tf.Tensor, num_samples: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        wrong = tf.zeros_like(num_classes, tf.bool)
        classes, wrong = _served_count(num_classes, wrong)
        count, wrong = _served_count(num_samples, wrong)
        found = self._function("imagine")(classes, count, seed)
        return spoil_all(found, wrong)

    def _serve_embed(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        posterior = self.encode(x)
        found = {"m": posterior.mean, "s": posterior.std}
        return spoil_all(found, any_not_finite(x))

    def _serve_score(
        self, query_x: tf.Tensor, **state: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        with tf.control_dependencies(self._ways_agree(state)):
            query_x = tf.identity(query_x)
        found = self._function("score")(query_x, state)
        wrong = tasks_not_finite([query_x, found["class_elbo"]])
        return spoil_all(found, wrong)


def _served_count(
    counts: tf.Tensor, wrong: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The largest count that can be used, and the tasks with one that can't."""
    bad = (counts < 1) | (counts > MAX_SAMPLES)
    return tf.reduce_max(tf.where(bad, 1, counts)), wrong | bad
