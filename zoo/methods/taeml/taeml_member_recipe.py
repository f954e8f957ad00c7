"""Recipe of TAEML's first stage: one learner of one domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metazoo.methods.taeml.taeml_data import load_domains
from metazoo.methods.taeml.taeml_settings import DomainSettings
from metazoo.recipes.conv4 import Conv4Recipe
from metazoo.recipes.prototype import PrototypeSettings

if TYPE_CHECKING:
    import keras

    from metazoo.data import ClassDataset


@dataclass(frozen=True)
class MemberRecipe(DomainSettings, PrototypeSettings, Conv4Recipe):
    """A prototypical network whose features have one length.

    On a data set of several domains each episode is of one of them: that is
    the pooled network to compare an ensemble with.
    """

    rotations: bool = False

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

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds the untrained embedding.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.layers.nested import layers_of
        from metazoo.methods.taeml.taeml_ensemble import normalised

        backbone = super().build_backbone(example_shape)
        for layer in layers_of(backbone):
            if hasattr(layer, "moving_mean"):
                layer.momentum = self.momentum
        return normalised(backbone, self.feature_length)
