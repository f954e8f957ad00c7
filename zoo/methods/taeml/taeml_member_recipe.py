"""Recipe of TAEML's first stage: one learner of one domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metazoo.conv4_recipe import Conv4Recipe
from metazoo.methods.taeml.taeml_data import load_domains, sampler_of

if TYPE_CHECKING:
    import keras

    from metazoo.data import ClassDataset
    from metazoo.episodic import EpisodicLearner


@dataclass(frozen=True)
class MemberRecipe(Conv4Recipe):
    """A prototypical network whose features have one length.

    On a data set of several domains each episode is of one of them: that is
    the pooled network to compare an ensemble with.

    Attributes:
        image_size: height and width of a mixture's images.
        feature_length: length of every feature vector; the paper's 10.
        momentum: of the batch normalisation's moving statistics.
        drop_after: share of the steps after which the step size falls to a
            tenth.
    """

    rotations: bool = False
    image_size: int = 32
    feature_length: float = 10.0
    momentum: float = 0.9
    drop_after: float = 0.7

    def load_dataset(
        self, data_dir: str | None, split: str | None = None
    ) -> ClassDataset:
        """Reads the classes of a split.

        Args:
            data_dir: folder of the data sets, or None if they need none.
            split: a split; by default the training one.
        """
        return load_domains(
            self.dataset, data_dir, split or self.split, self.image_size
        )

    def learning_rate(self) -> Any:
        """Constant, then a tenth of it."""
        return dropped(self.outer_learning_rate, self.steps, self.drop_after)

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds the untrained embedding.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.methods.taeml.taeml_ensemble import normalised

        backbone = super().build_backbone(example_shape)
        for layer in backbone._flatten_layers():
            if hasattr(layer, "moving_mean"):
                layer.momentum = self.momentum
        return normalised(backbone, self.feature_length)

    def build_learner(self, example_shape: tuple[int, ...]) -> EpisodicLearner:
        """Builds an untrained `ProtoNet`, whose loss is that of the stage.

        Args:
            example_shape: shape of one raw example.
        """
        from metazoo.registry import get_method

        return get_method("protonet").load_model_class()(
            self.build_backbone(example_shape), name="protonet"
        )

    def training_source(self, data: ClassDataset) -> Any:
        """Episodes of one domain each.

        Args:
            data: the training classes.
        """
        return sampler_of(
            data,
            self.num_ways,
            self.fixed_shots,
            self.num_queries,
            self.seed,
        )


def dropped(rate: float, steps: int, share: float) -> Any:
    """A step size that falls to a tenth after a share of the steps.

    Args:
        rate: the step size.
        steps: of the training.
        share: of the steps.
    """
    from keras.optimizers import schedules

    return schedules.PiecewiseConstantDecay(
        [max(int(share * steps), 1)], [rate, 0.1 * rate]
    )
