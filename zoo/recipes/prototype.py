"""A prototypical network on whatever backbone a recipe builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metazoo.contracts.episodic import EpisodicLearner


class PrototypeSettings:
    """Builds the learner of a recipe that has `build_backbone`; to mix in."""

    def build_learner(
        self: Any, example_shape: tuple[int, ...]
    ) -> EpisodicLearner:
        """Builds an untrained `ProtoNet`.

        Args:
            example_shape: shape of one raw example.
        """
        from metazoo.registry import get_method

        return get_method("protonet").load_model_class()(
            self.build_backbone(example_shape), name="protonet"
        )
