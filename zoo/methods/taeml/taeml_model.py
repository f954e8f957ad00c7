"""TAEML: an ensemble of frozen learners, weighted anew for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from metazoo.contracts.episodic_verbs import traced
from metazoo.data.episode import Episode
from metazoo.errors import MetazooError
from metazoo.learners.frozen_features import FrozenBackbone
from metazoo.learners.prototype import prototypes_of
from metazoo.losses import class_mask_of, mask_logits
from metazoo.methods.taeml.taeml_ensemble import (
    by_member,
    differences,
    ensemble,
    left_out,
    member_logits,
)
from metazoo.methods.taeml.taeml_trust import trust_network
from metazoo.wire.signature import Signature

MODES = ("transductive", "single", "support")
EXTRA_VERBS = {"predict_single": "single", "predict_support": "support"}


@keras.saving.register_keras_serializable(package="metazoo")
class TAEML(FrozenBackbone):
    """Task-adaptive ensemble of meta-learners (Park et al. 2018).

    Shared: the embeddings of several learners, trained before and frozen,
    and a trust network. Adapted: one prototype for each learner and class.
    Each learner gives the probabilities of a prototypical network; the
    trust network reads the squared differences between queries and
    prototypes in a learner's embedding and gives that learner's weight. The
    scores are the weighted sum of the probabilities, and their softmax is
    the answer.

    Args:
        backbone: Keras model from one example to the features of all
            learners, one behind the other, as `ensemble` makes it; its
            `trainable` is set to False. See `of` for learners' own
            backbones.
        num_members: number of learners.
        num_ways: fixed number of classes, or None for any; the flat form
            needs it.
        form: "symmetric" (any number and order of classes) or "flat" (the
            authors' own).
        mode: what weights come from: "transductive" (all queries of a task
            together), "single" (each query its own) or "support" (the
            support set, each example left out of its prototype).
        trust_units: sizes of the trust network's hidden layers; None for
            those of the form.
        initial_trust: trust of every learner before training; the authors'
            code starts at 50.
        **kwargs: `value_range` and `name`, as for `EpisodicLearner`.

    Raises:
        MetazooError: an argument can't be used.

    Example:

    ```python
    members = [metazoo.layers.conv4((28, 28, 1), filters=8) for _ in "ab"]
    learner = metazoo.TAEML.of(members)
    adapted = learner.adapt(support_x, support_y)
    print(adapted.state["support_trust"])
    ```

    Reference:
        Park, Kim, Kim, Liu, Choi: TAEML: Task-Adaptive Ensemble of
        Meta-Learners for Few-shot Classification, NeurIPS workshop on
        Meta-Learning 2018; code https://github.com/OpenXAIProject/TAEML
    """

    predictions = (
        "probabilities",
        "logits",
        "classes",
        "trust",
        "learner_probabilities",
    )
    wire_docs = {
        "prototypes": "mean embedding of each class; [tasks, learners, ways, "
        "features]",
        "support_trust": "ensemble weights that the support set alone "
        "suggests, in (0, 100); [tasks, learners]",
        "trust": "ensemble weights of this answer, mean over the queries; "
        "[tasks, learners]; NaN in a faulty task",
        "learner_probabilities": "of each learner by itself; [tasks, "
        "learners, query, ways]; NaN in a faulty task",
    }

    def __init__(
        self,
        backbone: keras.Model,
        num_members: int,
        num_ways: int | None = None,
        form: str = "symmetric",
        mode: str = "transductive",
        trust_units: Sequence[int] | None = None,
        initial_trust: float = 2.0,
        **kwargs: Any,
    ) -> None:
        if mode not in MODES:
            raise MetazooError(f"mode must be one of {MODES}; got {mode!r}.")
        super().__init__(backbone, num_ways, **kwargs)
        if num_members < 1 or self.feature_size % num_members:
            raise MetazooError(
                f"num_members: got {num_members}, which does not divide the "
                f"backbone's {self.feature_size} features."
            )
        self.num_members = num_members
        self.form = form
        self.mode = mode
        self.trust = trust_network(
            form,
            self.member_features,
            self.num_ways,
            trust_units,
            initial_trust,
            self.variable_dtype,
        )
        self.build()

    @classmethod
    def of(cls, members: Sequence[keras.Model], **options: Any) -> Self:
        """A learner on copies of learners' backbones.

        Args:
            members: Keras models from one example to a vector; all of one
                form.
            **options: as for the constructor.

        Raises:
            MetazooError: they don't fit together.
        """
        return cls(ensemble(members), len(members), **options)

    @property
    def transductive(self) -> bool:  # type: ignore[override]
        """Whether a query's answer depends on the other queries."""
        return self.mode == "transductive"

    @property
    def member_features(self) -> int:
        """Features of each learner."""
        return self.feature_size // self.num_members

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Prototypes, and weights by the support alone."""
        z = self.embed(support_x)
        state = self._prototypes(z, support_y, support_mask, num_ways)
        zeta, mask = left_out(
            differences(z, state["prototypes"]),
            support_y,
            support_mask,
            num_ways,
        )
        trust = self._trust(zeta, mask, support_mask, pooled=True)
        return {**state, "support_trust": tf.cast(trust[..., 0], tf.float32)}

    def _prototypes(
        self, z: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor, ways: Any
    ) -> dict[str, tf.Tensor]:
        means = prototypes_of(z, labels, mask, ways)["prototypes"]
        return {
            "prototypes": by_member(means, self.num_members),
            "class_mask": class_mask_of(labels, mask, ways),
        }

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Weighted sums of probabilities; see `EpisodicLearner`."""
        return self.outputs_from_state(query_x, state)["logits"]

    def outputs_from_state(
        self,
        query_x: tf.Tensor,
        state: Mapping[str, tf.Tensor],
        mode: str | None = None,
        query_mask: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Everything that is predicted of queries; pure.

        Args:
            query_x: float32 [tasks, query, *features], raw values.
            state: what `adapt_state` returned.
            mode: what weights come from; None for the learner's own.
            query_mask: bool [tasks, query]; False queries weigh nothing. It
                is for training: no endpoint takes padded queries.

        Returns:
            `probabilities`, `logits`, `classes`, `trust` and
            `learner_probabilities`.
        """
        mode = mode or self.mode
        class_mask = state["class_mask"]
        zeta = differences(self.embed(query_x), state["prototypes"])
        own = tf.nn.softmax(member_logits(zeta, class_mask))
        if query_mask is None:
            query_mask = tf.ones(tf.shape(query_x)[:2], tf.bool)
        if mode == "support":
            trust = state["support_trust"][..., None]
        else:
            trust = self._trust(
                zeta, class_mask[:, None], query_mask, mode == "transductive"
            )
        scores = tf.reduce_sum(trust[..., None] * own, 1)
        return {
            **self.outputs_of(mask_logits(scores, class_mask)),
            "trust": tf.cast(tf.reduce_mean(trust, -1), tf.float32),
            "learner_probabilities": tf.cast(own, tf.float32),
        }

    def _trust(
        self,
        zeta: tf.Tensor,
        class_mask: tf.Tensor,
        example_mask: tf.Tensor,
        pooled: bool,
    ) -> tf.Tensor:
        """Trust [tasks, learners, examples], or [tasks, learners, 1]."""
        found = self.trust.pairs(zeta, class_mask[:, None])
        if pooled:
            real = tf.cast(example_mask, found.dtype)[:, None, :, None]
            total = tf.reduce_sum(found * real, 2, keepdims=True)
            count = tf.reduce_sum(real, 2, keepdims=True)
            found = tf.math.divide_no_nan(total, count)
        return self.trust.score(found)

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`prototypes`, `class_mask` and `support_trust`."""
        ways, members = self.num_ways, self.num_members
        shapes = {
            "prototypes": [None, members, ways, self.member_features],
            "class_mask": [None, ways],
            "support_trust": [None, members],
        }
        return {
            name: tf.TensorSpec(shape, tf.float32, name)
            for name, shape in shapes.items()
        }

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cross entropy of the ensemble; only the trust network learns."""
        state = self.adapt_state(
            tf.cast(episode.support_x, tf.float32),
            episode.support_y,
            episode.support_mask,
            num_ways,
        )
        outputs = self.outputs_from_state(
            tf.cast(episode.query_x, tf.float32),
            state,
            query_mask=episode.query_mask,
        )
        return self.query_loss(episode, outputs["logits"]), outputs["logits"]

    def predict_single(
        self, query_x: Any, state: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """As `predict_state`, each query weighted by itself.

        Args:
            query_x: raw examples [query, *features] or [tasks, query,
                *features].
            state: name to array with a leading tasks axis.
        """
        return self._answers("predict_single", query_x, state)

    def predict_support(
        self, query_x: Any, state: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """As `predict_state`, weighted by the state's `support_trust`.

        Args:
            query_x: raw examples [query, *features] or [tasks, query,
                *features].
            state: name to array with a leading tasks axis.
        """
        return self._answers("predict_support", query_x, state)

    def signatures(self) -> tuple[Signature, ...]:
        """Those of the contract, `predict_single`, `predict_support`."""
        standard = super().signatures()
        predict = next(one for one in standard if one.name == "predict")
        docs = (
            "As predict, but each query weighs the learners by itself.",
            "As predict, weighted by the state's support_trust.",
        )
        more = [
            self._signature(name, predict.inputs, predict.outputs, doc)
            for name, doc in zip(EXTRA_VERBS, docs, strict=True)
        ]
        return (*standard, *more)

    def _serve_predict_single(
        self, query_x: tf.Tensor, **state: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return self._serve_answers("predict_single", query_x, state)

    def _serve_predict_support(
        self, query_x: tf.Tensor, **state: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return self._serve_answers("predict_support", query_x, state)

    @property
    def least_classes(self) -> int:  # type: ignore[override]
        """The flat form knows no tasks of fewer ways than its own."""
        return int(self.num_ways or 0) if self.form == "flat" else 2

    def _trace(self, verb: str) -> Any:
        if verb not in EXTRA_VERBS:
            return super()._trace(verb)
        mode = EXTRA_VERBS[verb]
        specs = (
            tf.TensorSpec(
                [None, None, *self.example_shape], self.example_dtype
            ),
            self.state_spec(),
        )

        def run(query_x: Any, state: Any) -> Any:
            return self.outputs_from_state(query_x, state, mode)

        return traced(run, specs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "num_members": self.num_members,
            "form": self.form,
            "mode": self.mode,
            "trust_units": list(self.trust.units),
            "initial_trust": self.trust.initial_trust,
        }
