"""What a measurement may use: data, trained models, and the scale."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.experiments.experiment import Scale, Training

if TYPE_CHECKING:
    from metazoo.data import ClassDataset

MODELS_NAME = "models"


class Bench:
    """The place an experiment runs in.

    Attributes:
        output: folder of the experiment.
        data_dir: folder of the data sets, or None.
        scale: how much to do.
    """

    def __init__(
        self, output: Path, data_dir: str | None, scale: Scale
    ) -> None:
        """Reads and trains nothing yet."""
        self.output = output
        self.data_dir = data_dir
        self.scale = scale
        self._data: dict[Any, ClassDataset] = {}
        self._learner: tuple[Training, Any] | None = None

    def dataset(self, spec: str, split: str, **options: Any) -> ClassDataset:
        """Reads a data set once.

        Args:
            spec: what `metazoo.data.load_dataset` understands.
            split: which split.
            **options: passed on to the reader.

        Returns:
            The data set.
        """
        from metazoo.data import load_dataset

        key = (spec, split, *sorted(options.items()))
        if key not in self._data:
            self._data[key] = load_dataset(
                spec, self.data_dir, split, **options
            )
        return self._data[key]

    def learner(self, training: Training) -> Any:
        """A trained model; trains it first where that was not done before.

        A training that was killed goes on from its last checkpoint.

        Args:
            training: what to train.

        Returns:
            The learner, from its preset.

        Raises:
            MetazooError: the folder holds a model of another recipe.
        """
        if self._learner is None or self._learner[0] != training:
            self._learner = (training, self._trained(training))
        return self._learner[1]

    def _trained(self, training: Training) -> Any:
        from metazoo.presets import from_preset

        return from_preset(str(self._preset(training)))

    def _preset(self, training: Training) -> Path:
        """Folder of a preset; trains what is missing."""
        from metazoo.trainers import train_recipe
        from metazoo.trainers.stages import finished_preset

        folder = self.output / MODELS_NAME / training.name
        found = finished_preset(training.recipe, folder)
        if found is not None:
            return found
        return train_recipe(
            training.recipe,
            folder,
            self.data_dir,
            metadata={"preset": training.name},
            validation_steps=0,
            verbose=0,
            stage_presets={
                name: str(self._preset(stage))
                for name, stage in training.stages
            },
        )
