"""Recipe of the control `LinearMetaSGD`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metazoo.methods.leo.leo_recipe import LEORecipe, feature_backbone

if TYPE_CHECKING:
    from metazoo.methods.leo.leo_control import LinearMetaSGD


@dataclass(frozen=True)
class MetaSGDRecipe(LEORecipe):
    """Meta-SGD on the data and with the optimizer of LEO.

    Of LEO's fields it uses those of data, episodes and optimizer; its inner
    steps are `latent_steps` and `weight_steps` together.
    """

    def build_learner(  # type: ignore[override]
        self, example_shape: tuple[int, ...]
    ) -> LinearMetaSGD:
        """Builds an untrained `LinearMetaSGD`.

        Args:
            example_shape: (features,).
        """
        from metazoo.methods.leo.leo_control import LinearMetaSGD

        return LinearMetaSGD(
            feature_backbone(example_shape),
            num_ways=self.num_ways,
            inner_steps=self.latent_steps + self.weight_steps,
            name="linear_meta_sgd",
        )
