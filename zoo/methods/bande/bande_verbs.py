"""Verbs of BANDE beyond the contract's: semi-supervised, unsupervised."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from metazoo.checks.examples import (
    check_each_task,
    check_examples,
    check_integer,
    check_labels,
    check_largest_label,
    check_unlabelled,
    check_ways,
)
from metazoo.contracts.adapted import AdaptedModel
from metazoo.contracts.episodic_serving import MAX_SERVED_WAYS, PREDICTIONS
from metazoo.contracts.episodic_verbs import traced
from metazoo.data.episode import UNLABELED_NAMES
from metazoo.errors import EpisodeError
from metazoo.learners.embedding import EmbeddingLearner
from metazoo.methods.bande.bande_clusters import EMPTY, Points, num_clusters
from metazoo.methods.bande.bande_inference import unsupervised
from metazoo.methods.bande.bande_wire import (
    MAX_PASSES,
    WIRE_DOCS,
    faulty_support,
    only_real,
    signatures_of,
    without_faults,
)
from metazoo.wire.faults import any_not_finite, spoil_all, tasks_not_finite
from metazoo.wire.guards import require_equal
from metazoo.wire.signature import Signature


class BandeVerbs(EmbeddingLearner):
    """Serves embedding, clustering and semi-supervised adaptation."""

    predictions: ClassVar[tuple[str, ...]] = (
        *PREDICTIONS,
        "distractor_logit",
        "distractor_probability",
        "cluster",
    )
    wire_docs = WIRE_DOCS

    def cluster(
        self,
        unlabeled_x: Any,
        lam: float = 20.0,
        num_passes: int = 5,
        unlabeled_mask: Any = None,
    ) -> dict[str, np.ndarray]:
        """Groups examples without any label.

        Args:
            unlabeled_x: raw examples [unlabeled, *features] of one task, or
                with a tasks axis.
            lam: squared distance beyond which an example opens a cluster.
            num_passes: passes over the examples.
            unlabeled_mask: booleans, False for padding.

        Returns:
            `assignment` int32 [tasks, unlabeled] (-1 for padding), `mu`
            float32 [tasks, clusters, embedding], `mass` float32 [tasks,
            clusters] and `num_clusters` int32 [tasks]; without the tasks
            axis if there was none.

        Raises:
            EpisodeError: an argument is malformed.
        """
        single = np.ndim(unlabeled_x) == len(self.example_shape) + 1
        tasks = 1 if single else len(unlabeled_x)
        x, mask = check_unlabelled(
            unlabeled_x,
            unlabeled_mask,
            self.example_shape,
            self.value_range,
            tasks,
        )
        passes = check_integer("num_passes", num_passes, 1, MAX_PASSES)
        least = float(np.finfo(np.float32).min)
        lams = check_each_task("lam", lam, tasks, np.float32, low=least)
        found = self._function("cluster")(
            x,
            mask,
            lams,
            np.full(tasks, passes, np.int32),
        )
        arrays = {name: value.numpy() for name, value in found.items()}
        return {k: v[0] for k, v in arrays.items()} if single else arrays

    def _adapt_embedded(
        self, support_h: Any, support_y: Any, num_ways: Any, unlabeled_h: Any
    ) -> AdaptedModel:
        shape = (self.embedding_size,)
        h, single = check_examples("support_h", support_h, shape)
        ways = check_ways(num_ways, self.num_ways)
        y = check_labels("support_y", support_y, h.shape[:2], ways)
        if ways is None:
            ways = check_largest_label("support_y", y, MAX_SERVED_WAYS) + 1
        free = h[:, :0]
        if unlabeled_h is not None:
            self._refuse_unlabelled()
            free, _ = check_unlabelled(unlabeled_h, None, shape, None, len(h))
        state = self._function("adapt_embedded")(
            h, y, free, np.full(len(h), ways, np.int32)
        )
        return AdaptedModel(self, state, single)

    def _refuse_unlabelled(self) -> None:
        if not self.uses_unlabelled:
            raise EpisodeError(
                "unlabelled examples are given, and this learner's mode "
                "does not adapt to them."
            )

    def _trace(self, verb: str) -> Any:
        vectors = tf.TensorSpec([None, None, self.embedding_size])
        examples = tf.TensorSpec([None, None, *self.example_shape])
        mask = tf.TensorSpec([None, None], tf.bool)
        count = tf.TensorSpec([None], tf.int32)
        if verb == "adapt_embedded":
            labels = tf.TensorSpec([None, None], tf.int64)
            specs = (vectors, labels, vectors, count)
            return traced(self._embedded_state, specs)
        if verb == "cluster":
            specs = (examples, mask, tf.TensorSpec([None]), count)
            return traced(self._clustered, specs)
        return super()._trace(verb)

    def _adapt(
        self, x: Any, y: Any, mask: Any, ways: Any, *unlabelled: Any
    ) -> dict[str, tf.Tensor]:
        columns = ways if self.num_ways is None else self.num_ways
        others = dict(zip(UNLABELED_NAMES, unlabelled, strict=False))
        inferred = self.infer(
            self._points(x, y, mask),
            self._unlabelled_points(others),
            columns,
            compact=True,
        )
        n_way = tf.fill(tf.shape(y)[:1], columns)
        return self.compact_state(self.state_of(inferred, n_way))

    def _embedded_state(
        self, h: tf.Tensor, y: tf.Tensor, free: tf.Tensor, n_way: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        support = Points(h, tf.cast(y, tf.int32), tf.ones_like(y, tf.bool))
        nowhere = -tf.ones_like(free[..., 0], tf.int32)
        unlabelled = Points(free, nowhere, tf.ones_like(nowhere, tf.bool))
        ways = self.num_ways or tf.reduce_max(n_way)
        inferred = self.infer(support, unlabelled, ways, compact=True)
        return self.compact_state(self.state_of(inferred, n_way))

    def _clustered(
        self, x: tf.Tensor, mask: tf.Tensor, lam: tf.Tensor, passes: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        points = Points(self.embed(x), tf.zeros_like(mask, tf.int32), mask)
        sigma = self.sigmas().labelled
        clusters, assignment = unsupervised(points, lam, passes, sigma)
        return {
            "assignment": assignment,
            "mu": clusters.mu,
            "mass": clusters.mass,
            "num_clusters": num_clusters(clusters),
        }

    # What the exporter needs.

    def signatures(self) -> tuple[Signature, ...]:
        """Adds semi-supervised and unsupervised endpoints, and `embed`."""
        return signatures_of(self, super().signatures())

    def example_extras(self, num_tasks: int) -> dict[str, np.ndarray]:
        """Inputs of endpoints that an episode does not hold.

        Args:
            num_tasks: number of tasks.
        """
        rng = np.random.default_rng(num_tasks)
        labels = np.repeat(np.arange(self.num_ways or 3), 2)
        size = (num_tasks, len(labels), self.embedding_size)
        low, high = self.value_range or (0.0, 1.0)
        shape = [side or 8 for side in self.example_shape]
        return {
            "n_way": np.full(num_tasks, self.num_ways or 3, np.int32),
            "alpha": np.full(num_tasks, 0.1, np.float32),
            "lam": np.full(num_tasks, 20.0, np.float32),
            "num_passes": np.full(num_tasks, 3, np.int32),
            "x": rng.uniform(low, high, (num_tasks, 3, *shape)),
            "support_h": rng.normal(size=size),
        }

    def _serve_predict(
        self, query_x: tf.Tensor, **state: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        n_way, label = state["n_way"], state["label"]
        limit = self.num_ways or MAX_SERVED_WAYS
        wrong = (n_way < 1) | (n_way > limit)
        wrong |= tf.reduce_any((label < EMPTY) | (label >= n_way[:, None]), 1)
        # Slots without a label take part in no logit that would tell.
        numbers = [state[k] for k in ("mu", "log_sigma", "mass", "lam")]
        wrong |= tasks_not_finite(numbers)
        nothing = tf.fill(tf.shape(label), EMPTY)
        state = {
            **state,
            "n_way": tf.where(wrong, 1, n_way),
            "label": tf.where(wrong[:, None], nothing, label),
        }
        outputs = super()._serve_predict(query_x, **state)
        nobody = -tf.ones_like(outputs["classes"])
        classes = tf.where(wrong[:, None], nobody, outputs["classes"])
        return spoil_all({**outputs, "classes": classes}, wrong)

    def _serve_adapt_semi(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        unlabeled_x: tf.Tensor,
        unlabeled_mask: tf.Tensor,
        n_way: tf.Tensor,
        alpha: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        checks = _same_lengths(
            support_x=support_x,
            support_y=support_y,
        ) + _same_lengths(
            unlabeled_x=unlabeled_x, unlabeled_mask=unlabeled_mask
        )
        with tf.control_dependencies(checks):
            support_y = tf.identity(support_y)
            unlabeled_mask = tf.identity(unlabeled_mask)
        mask = support_y != -1
        support_x = only_real(support_x, mask)
        unlabeled_x = only_real(unlabeled_x, unlabeled_mask)
        wrong = faulty_support(
            support_y, mask, n_way, self._label_limit(support_y)
        )
        wrong |= any_not_finite(support_x) | any_not_finite(unlabeled_x)
        wrong |= ~tf.math.is_finite(alpha) | (alpha <= 0)
        y, mask, n_way = without_faults(support_y, mask, n_way, wrong)
        alpha = tf.where(wrong, 1.0, alpha)
        support = Points(self.embed(support_x), tf.cast(y, tf.int32), mask)
        nowhere = -tf.ones_like(unlabeled_mask, tf.int32)
        free = Points(self.embed(unlabeled_x), nowhere, unlabeled_mask)
        ways = self.num_ways or tf.reduce_max(n_way)
        inferred = self.infer(support, free, ways, alpha, compact=True)
        state = self.compact_state(self.state_of(inferred, n_way))
        return spoil_all(state, wrong)

    def _serve_adapt_predict_semi(
        self, query_x: tf.Tensor, **inputs: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        state = self._serve_adapt_semi(**inputs)
        return self._serve_predict(query_x, **state)

    def _serve_adapt_embedded(
        self,
        support_h: tf.Tensor,
        support_y: tf.Tensor,
        n_way: tf.Tensor,
        alpha: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        checks = _same_lengths(support_h=support_h, support_y=support_y)
        with tf.control_dependencies(checks):
            support_y = tf.identity(support_y)
        mask = support_y != -1
        h = only_real(support_h, mask)
        wrong = faulty_support(
            support_y, mask, n_way, self._label_limit(support_y)
        )
        wrong |= any_not_finite(h)
        wrong |= ~tf.math.is_finite(alpha) | (alpha <= 0)
        y, mask, n_way = without_faults(support_y, mask, n_way, wrong)
        ways = self.num_ways or tf.reduce_max(n_way)
        support = Points(h, tf.cast(y, tf.int32), mask)
        alpha = tf.where(wrong, 1.0, alpha)
        inferred = self.infer(support, None, ways, alpha, compact=True)
        state = self.compact_state(self.state_of(inferred, n_way))
        return spoil_all(state, wrong)

    def _serve_cluster(
        self,
        unlabeled_x: tf.Tensor,
        unlabeled_mask: tf.Tensor,
        lam: tf.Tensor,
        num_passes: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        checks = _same_lengths(
            unlabeled_x=unlabeled_x, unlabeled_mask=unlabeled_mask
        )
        with tf.control_dependencies(checks):
            unlabeled_mask = tf.identity(unlabeled_mask)
        x = only_real(unlabeled_x, unlabeled_mask)
        wrong = (num_passes < 1) | (num_passes > MAX_PASSES)
        wrong |= ~tf.math.is_finite(lam) | any_not_finite(x)
        wrong |= ~tf.reduce_any(unlabeled_mask, 1)
        found = self._clustered(
            x, unlabeled_mask, lam, tf.where(wrong, 0, num_passes)
        )
        nowhere = -tf.ones_like(found["assignment"])
        found["assignment"] = tf.where(
            wrong[:, None], nowhere, found["assignment"]
        )
        return spoil_all(found, wrong)

    def _serve_embed(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        h = self.embed(x)
        found = {"h": h, "squared_norm": tf.reduce_sum(tf.square(h), -1)}
        return spoil_all(found, any_not_finite(x))


def _same_lengths(**tensors: tf.Tensor) -> list[tf.Operation]:
    names = list(tensors)
    return [
        require_equal(
            [tf.shape(value)[1] for value in tensors.values()],
            names,
            f"{' and '.join(names)} hold different numbers of examples:",
        )
    ]
