"""Training on examples whose classes are taken off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metazoo.data import ClassDataset


class UnlabelledTraining:
    """Reads the training split without its classes; to mix in first."""

    @property
    def hides_classes(self) -> bool:
        """Whether classes are taken off; a recipe's controls may keep them."""
        return True

    def load_dataset(
        self: Any, data_dir: str | None, split: str | None = None
    ) -> ClassDataset:
        """Reads a split; the training one without its classes.

        Args:
            data_dir: folder of the data set, or None if it needs none.
            split: a split; by default the training one.
        """
        from metazoo.data.unlabelled import unlabelled

        data = super().load_dataset(data_dir, split)  # type: ignore[misc]
        training = split in (None, self.split)
        return unlabelled(data) if training and self.hides_classes else data
