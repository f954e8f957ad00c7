"""CACTUs-ProtoNets: prototypes learned on tasks made of clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from metazoo.contracts.adapted import AdaptedModel
from metazoo.errors import EpisodeError
from metazoo.methods.protonet.protonet_model import ProtoNet
from metazoo.wire.faults import spoil_all
from metazoo.wire.signature import Signature


@keras.saving.register_keras_serializable(package="metazoo")
class CACTUsProtoNet(ProtoNet):
    """Prototypical networks whose state takes further examples.

    Trained on tasks of `CACTUsRecipe`. The state knows how many examples
    each prototype is the mean of, so that more of them change it as if they
    had been there from the start, also of classes that are new.

    Args:
        backbone: Keras model from one example to a feature vector.
        *args: as for `ProtoNet`.
        **kwargs: as for `ProtoNet`.
    """

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Prototypes and counts; see `EpisodicLearner.adapt_state`."""
        state = super().adapt_state(
            support_x, support_y, support_mask, num_ways
        )
        members = tf.one_hot(support_y, num_ways, dtype=tf.float32)
        members *= tf.cast(support_mask, tf.float32)[..., None]
        return {**state, "counts": tf.reduce_sum(members, 1)}

    def merged(
        self, old: Mapping[str, tf.Tensor], new: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """State of the examples of two states together.

        Args:
            old: a state.
            new: another, of as many columns.
        """
        counts = old["counts"] + new["counts"]
        sums = sum(
            state["prototypes"] * state["counts"][..., None]
            for state in (old, new)
        )
        return {
            "prototypes": tf.math.divide_no_nan(sums, counts[..., None]),
            "class_mask": tf.maximum(old["class_mask"], new["class_mask"]),
            "counts": counts,
        }

    def update(
        self, adapted: AdaptedModel, support_x: Any, support_y: Any
    ) -> AdaptedModel:
        """An adapted model that has seen further examples.

        Args:
            adapted: of this learner; it is not changed.
            support_x: raw examples [support, *features] of its task, or
                [tasks, support, *features].
            support_y: integer labels [support] or [tasks, support].

        Raises:
            EpisodeError: an argument is malformed, or a label is none of
                the classes that the state has columns for.
        """
        old = adapted.state
        ways = old["counts"].shape[1]
        x, y, mask, _, single = self._checked_support(
            support_x, support_y, None, ways
        )
        if len(x) != len(old["counts"]):
            raise EpisodeError(
                f"support_x holds {len(x)} tasks; the state holds "
                f"{len(old['counts'])}."
            )
        new = self._function("adapt")(x, y, mask, ways)
        return AdaptedModel(self, self.merged(old, new), single)

    def signatures(self) -> tuple[Signature, ...]:
        """Returns those of the contract, and `update`."""
        standard = super().signatures()
        adapt = next(one for one in standard if one.name == "adapt")
        update = self._signature(
            "update",
            {**adapt.inputs, **self.state_spec()},
            adapt.outputs,
            "The state that adapt would have returned, had these examples "
            "been there too; labels lie below the number of its ways.",
            masks_support=True,
        )
        return (*standard, update)

    def _serve_update(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor | None = None,
        **state: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        with tf.control_dependencies(self._ways_agree(state)):
            ways = tf.shape(state["counts"], tf.int64)[1]
        mask = tf.ones_like(support_y, tf.bool)
        if support_mask is not None:
            mask = support_mask
        labels = tf.where(mask, support_y, 0)
        wrong = tf.reduce_any(labels >= ways, -1)
        # A label without a column must not widen what is merged.
        labels = tf.where(labels < ways, support_y, tf.zeros_like(support_y))
        new = self._serve_adapt(support_x, labels, mask)
        new = {name: _widened(new[name], ways) for name in new}
        return spoil_all(self.merged(state, new), wrong)

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`prototypes` [tasks, ways, embedding], `class_mask`, `counts`."""
        shape = [None, self.num_ways]
        return {
            **super().state_spec(),
            "counts": tf.TensorSpec(shape, tf.float32, "counts"),
        }


def _widened(part: tf.Tensor, ways: tf.Tensor) -> tf.Tensor:
    """Adds columns of zeros, for classes beyond those of the new examples."""
    missing = tf.cast(ways, tf.int32) - tf.shape(part)[1]
    around = [[0, 0], [0, missing], *([[0, 0]] * (part.shape.rank - 2))]
    return tf.pad(part, around)
