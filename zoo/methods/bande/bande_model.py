"""BANDE: a class is a set of clusters, as many as the data ask for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from metazoo.checks.options import check_choice, check_count, check_positive
from metazoo.contracts.adapted import AdaptedModel
from metazoo.data.episode import Episode
from metazoo.errors import EpisodeError
from metazoo.methods.bande.bande_births import RULES
from metazoo.methods.bande.bande_clusters import (
    EMPTY,
    Clusters,
    Points,
    compacted,
    num_clusters,
)
from metazoo.methods.bande.bande_inference import (
    MODES,
    Inferred,
    Settings,
    Sigmas,
    infer,
)
from metazoo.methods.bande.bande_scores import score
from metazoo.methods.bande.bande_verbs import BandeVerbs

CLUSTER_NAMES = ("mu", "label", "log_sigma", "mass")


@keras.saving.register_keras_serializable(package="metazoo")
class BANDE(BandeVerbs):
    """Bayesian nonparametric deep embedding (Allen et al. 2018, 2019).

    Shared: the backbone and the variances of clusters. Adapted: a set of
    clusters for each class. Starting from the class means, a support point
    farther than a threshold from its class's clusters opens a new one; an
    unlabelled point joins any cluster or opens one of no class. A query
    takes the label of its closest cluster; one of no class makes it a
    distractor, class -1. The threshold follows from the task (step 3 of the
    method page). Any number of ways and shots, also unequal shots.

    The state depends on the order of the support set unless
    `cluster_rule="first_cluster"`.

    Args:
        backbone: Keras model from one example to a feature vector.
        num_ways: fixed number of classes, or None for any.
        mode: "bande"; or a control of the official code: "kmeans-refine"
            (one cluster a class, unlabelled points refine it: a
            prototypical network where there are none and `sigma` is 0.5),
            "kmeans-distractor" (and one cluster at the origin), "soft-nn"
            (every support point is a cluster; takes no unlabelled points)
            or "dp-means-hard" (births as here, hard assignment).
        alpha: concentration; larger opens more clusters.
        sigma: initial variance of a class's clusters.
        learn_sigma: whether training changes it.
        sigma_unlabeled: initial variance of clusters of no class.
        learn_sigma_unlabeled: whether training changes it.
        cluster_rule: "all_class_clusters" as the paper, "first_cluster" as
            the official code.
        num_cluster_steps: passes over the points.
        value_range: (low, high) of the raw values the backbone takes.
        name: name of the model.

    Example:

    ```python
    learner = metazoo.BANDE(metazoo.layers.conv4((28, 28, 1)))
    adapted = learner.adapt(support_x, support_y, unlabeled_x=unlabeled_x)
    probabilities = adapted.predict(query_x)
    ```

    Reference:
        Allen, Shelhamer, Shin, Tenenbaum: Infinite Mixture Prototypes for
        Few-Shot Learning, ICML 2019, https://arxiv.org/abs/1902.04552
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int | None = None,
        mode: str = "bande",
        alpha: float = 0.1,
        sigma: float = 5.0,
        learn_sigma: bool = True,
        sigma_unlabeled: float = 5.0,
        learn_sigma_unlabeled: bool = False,
        cluster_rule: str = "all_class_clusters",
        num_cluster_steps: int = 1,
        value_range: tuple[float, float] | None = (0, 255),
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, num_ways, value_range, name=name, **kwargs)
        self.mode = check_choice("mode", mode, MODES)
        self.cluster_rule = check_choice("cluster_rule", cluster_rule, RULES)
        self.num_cluster_steps = check_count(
            "num_cluster_steps", num_cluster_steps
        )
        self.alpha = check_positive("alpha", alpha)
        self.sigma = check_positive("sigma", sigma)
        self.sigma_unlabeled = check_positive(
            "sigma_unlabeled", sigma_unlabeled
        )
        self.learn_sigma = bool(learn_sigma)
        self.learn_sigma_unlabeled = bool(learn_sigma_unlabeled)
        self.log_sigma = self._log_variance("log_sigma", sigma, learn_sigma)
        self.log_sigma_unlabeled = self._log_variance(
            "log_sigma_unlabeled", sigma_unlabeled, learn_sigma_unlabeled
        )
        self.build()

    def _log_variance(
        self, name: str, value: float, trainable: bool
    ) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=(),
            initializer=keras.initializers.Constant(math.log(value)),
            trainable=bool(trainable),
        )

    @property
    def uses_unlabelled(self) -> bool:  # type: ignore[override]
        """Whether adaptation takes unlabelled examples."""
        return self.mode != "soft-nn"

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = (
            "mode",
            "alpha",
            "sigma",
            "learn_sigma",
            "sigma_unlabeled",
            "learn_sigma_unlabeled",
            "cluster_rule",
            "num_cluster_steps",
        )
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own}

    def infer(
        self,
        support: Points,
        unlabelled: Points | None,
        num_ways: Any,
        alpha: tf.Tensor | None = None,
        compact: bool = False,
    ) -> Inferred:
        """Clusters of embedded points.

        Args:
            support: labelled points.
            unlabelled: unlabelled points, or None.
            num_ways: number of classes.
            alpha: float32 [tasks], or None for the learner's own.
            compact: drop empty slots early; see `Settings`.

        Returns:
            The clusters, the threshold and responsibilities.
        """
        if unlabelled is None:
            unlabelled = Points(*(part[:, :0] for part in support))
        if alpha is None:
            alpha = tf.fill(tf.shape(support.h)[:1], self.alpha)
        return infer(
            Settings(
                self.mode, self.cluster_rule, self.num_cluster_steps, compact
            ),
            support,
            unlabelled,
            num_ways,
            self.sigmas(),
            alpha,
        )

    def sigmas(self) -> Sigmas:
        """Log variances as tensors."""
        return Sigmas(
            tf.convert_to_tensor(self.log_sigma),
            tf.convert_to_tensor(self.log_sigma_unlabeled),
        )

    def state_of(
        self, inferred: Inferred, n_way: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """What inference found, by its names in the state.

        Args:
            inferred: what `infer` returned.
            n_way: int32 [tasks], number of classes.
        """
        clusters = inferred.clusters
        return {
            **dict(zip(CLUSTER_NAMES, clusters, strict=True)),
            "num_clusters": num_clusters(clusters),
            "lam": inferred.lam,
            "n_way": n_way,
        }

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
        **unlabelled: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Clusters of each task; see `EpisodicLearner.adapt_state`."""
        inferred = self.infer(
            self._points(support_x, support_y, support_mask),
            self._unlabelled_points(unlabelled),
            num_ways,
        )
        tasks = tf.shape(support_y)[:1]
        return self.state_of(inferred, tf.fill(tasks, num_ways))

    def compact_state(
        self, state: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Drops slots that are empty in every task; see `EpisodicLearner`."""
        clusters = compacted(clusters_of(state))
        return {**state, **dict(zip(CLUSTER_NAMES, clusters, strict=True))}

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """Clusters `mu`, `label`, `log_sigma` and `mass`, and three counts.

        `label` is -1 for a cluster of no class and -2 for an empty slot.
        """
        slots, size = [None, None], self.embedding_size
        specs = {
            "mu": tf.TensorSpec([*slots, size], tf.float32, "mu"),
            "label": tf.TensorSpec(slots, tf.int32, "label"),
            "log_sigma": tf.TensorSpec(slots, tf.float32, "log_sigma"),
            "mass": tf.TensorSpec(slots, tf.float32, "mass"),
        }
        for name, dtype in (
            ("num_clusters", tf.int32),
            ("lam", tf.float32),
            ("n_way", tf.int32),
        ):
            specs[name] = tf.TensorSpec([None], dtype, name)
        return specs

    def call(self, inputs: Any, training: bool | None = None) -> tf.Tensor:
        """Adapts to each task and scores its queries.

        Args:
            inputs: as for `EpisodicLearner.call`.
            training: ignored; training goes through `meta_loss`.

        Returns:
            float32 logits [tasks, query, ways]; with an unlabelled set, one
            more column, that of distractors.
        """
        episode = Episode.from_inputs(inputs)
        self.check_ranks(episode)
        ways = self.ways_of(episode.support_y, episode.support_mask)
        logits = self._episode_logits(episode, ways, training=False)
        return logits

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cross entropy over the closest clusters of all labels (step 10).

        Support, unlabelled and query examples are normalised apart.
        """
        logits = self._episode_logits(episode, num_ways, training=True)
        return self.query_loss(episode, logits), logits

    def _episode_logits(
        self, episode: Episode, num_ways: Any, training: bool
    ) -> tf.Tensor:
        inferred = self.infer(
            self._points(
                episode.support_x,
                episode.support_y,
                episode.support_mask,
                training,
            ),
            self._unlabelled_points(episode.unlabelled, training),
            num_ways,
        )
        queries = self.embed(tf.cast(episode.query_x, tf.float32), training)
        logits = score(queries, inferred.clusters, num_ways).logits
        return logits if episode.unlabelled else logits[..., :-1]

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Best log density of each class; see `EpisodicLearner`."""
        return self.outputs_from_state(query_x, state)["logits"]

    def outputs_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Predictions of queries; see `EpisodicLearner`.

        `probabilities` of the classes sum to 1 less
        `distractor_probability`; `classes` is -1 for a distractor, and
        `cluster` the slot of the closest cluster.
        """
        ways = self.num_ways
        if ways is None:
            ways = tf.reduce_max(state["n_way"])
        scores = score(self.embed(query_x), clusters_of(state), ways)
        shares = tf.nn.softmax(scores.logits)
        best = tf.argmax(scores.logits, -1)
        last = tf.cast(ways, tf.int64)
        columns = [None, None, self.num_ways]
        return {
            "probabilities": tf.ensure_shape(shares[..., :-1], columns),
            "logits": tf.ensure_shape(scores.logits[..., :-1], columns),
            "classes": tf.where(best == last, -tf.ones_like(best), best),
            "distractor_logit": scores.logits[..., -1],
            "distractor_probability": shares[..., -1],
            "cluster": scores.cluster,
        }

    def _points(
        self,
        x: tf.Tensor,
        y: tf.Tensor,
        mask: tf.Tensor,
        training: bool = False,
    ) -> Points:
        h = self.embed(tf.cast(x, tf.float32), training)
        return Points(h, tf.cast(y, tf.int32), mask)

    def _unlabelled_points(
        self, unlabelled: Mapping[str, tf.Tensor], training: bool = False
    ) -> Points | None:
        if not unlabelled:
            return None
        mask = unlabelled["unlabeled_mask"]
        nowhere = -tf.ones_like(mask, tf.int32)
        return self._points(unlabelled["unlabeled_x"], nowhere, mask, training)

    def _check_state(self, state: Mapping[str, Any]) -> dict[str, np.ndarray]:
        checked = super()._check_state(state)
        label, ways = checked["label"], checked["n_way"][:, None]
        if ((label < EMPTY) | (label >= ways)).any() or (ways < 1).any():
            raise EpisodeError(
                "state['label'] must lie in [-2, n_way) and state['n_way'] "
                f"be 1 or more; found labels from {label.min()} to "
                f"{label.max()} and n_way {ways[:, 0].tolist()}."
            )
        return checked

    def adapt_embedded(
        self,
        support_h: Any,
        support_y: Any,
        num_ways: int | None = None,
        unlabeled_h: Any = None,
    ) -> AdaptedModel:
        """Learns a task from embeddings that were computed before.

        For supports of thousands of examples: embed them in parts with
        `embed`, then adapt once. The clusters are the same as from `adapt`.

        Args:
            support_h: float [support, embedding] or [tasks, support,
                embedding].
            support_y: integers like its leading axes.
            num_ways: number of classes; by default the largest label plus
                one.
            unlabeled_h: float [unlabeled, embedding] with a tasks axis as
                `support_h` has it, or None.

        Returns:
            The adapted model.

        Raises:
            EpisodeError: an argument is malformed.
        """
        return self._adapt_embedded(support_h, support_y, num_ways, unlabeled_h)


def clusters_of(state: Mapping[str, tf.Tensor]) -> Clusters:
    """The clusters of a state."""
    return Clusters(*(state[name] for name in CLUSTER_NAMES))
