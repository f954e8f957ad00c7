"""Linear classifiers of frozen features: the state of LEO and its control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from metazoo.learners.frozen_features import FrozenFeatures
from metazoo.methods.leo.leo_inner import class_logits
from metazoo.methods.leo.leo_parts import Members, members_of


class FeatureClassifier(FrozenFeatures):
    """Scores queries by one weight vector for each class of the task."""

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Linear scores of normalised features; see `EpisodicLearner`."""
        dtype = self.variable_dtype
        return class_logits(
            self.embed(query_x),
            tf.cast(state["weights"], dtype),
            tf.cast(state["class_mask"], dtype),
        )

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`weights` [tasks, ways, features], `class_mask`."""
        ways, size = self.num_ways, self.feature_size
        return {
            "weights": tf.TensorSpec([None, ways, size], tf.float32, "weights"),
            "class_mask": tf.TensorSpec([None, ways], tf.float32, "class_mask"),
        }

    def members(
        self, labels: tf.Tensor, mask: tf.Tensor, num_ways: Any
    ) -> Members:
        """Classes of examples, in the learner's own dtype.

        Args:
            labels: int64 [tasks, examples].
            mask: bool [tasks, examples].
            num_ways: number of columns.
        """
        return members_of(labels, mask, num_ways, self.variable_dtype)

    def classifier_state(
        self, weights: tf.Tensor, members: Members
    ) -> dict[str, tf.Tensor]:
        """The tensors that `state_spec` names.

        Args:
            weights: float [tasks, ways, features].
            members: of the support set.
        """
        return {
            "weights": tf.cast(weights, tf.float32),
            "class_mask": tf.cast(members.present, tf.float32),
        }
