"""One run of a recipe: its data, its trainer, the files it leaves."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from metazoo.data.licences import licence_of
from metazoo.presets import from_preset, save_to_preset
from metazoo.trainers.best_weights import BestWeights
from metazoo.trainers.callbacks import ResumableCSVLogger, SkippedSteps
from metazoo.trainers.checkpoint import as_json
from metazoo.trainers.strategies import is_chief
from metazoo.trainers.trainer import Trainer
from metazoo.whole_files import replacing, write_text

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.recipes.episodic import EpisodicRecipe

RECIPE_NAME = "recipe.json"
LOG_NAME = "log.csv"
MODEL_NAME = "model.keras"
PRESET_NAME = "preset"
CHECKPOINTS_NAME = "checkpoints"
BEST_NAME = "best.npz"
STEPS_PER_EPOCH = 500
# Validation episodes are the same for every recipe and seed.
VALIDATION_SEED = 12345
VALIDATION_WAYS = 5
VALIDATION_QUERIES = 5
VALIDATION_TASKS = 10
_WITHOUT_SPLITS = ("folder:", "npz:", "texts:")


class RecipeRun:
    """Trains a recipe in a folder; only the chief worker writes there.

    Attributes:
        recipe: what is trained, told the presets of its stages.
        data: its training classes.
        trainer: the loop, with the learner.
        output: folder of the run.
    """

    def __init__(
        self,
        recipe: EpisodicRecipe,
        output: str | os.PathLike[str],
        data_dir: str | os.PathLike[str] | None = None,
        strategy: str | tf.distribute.Strategy | None = None,
        checkpoint_every: int = STEPS_PER_EPOCH,
        presets: Mapping[str, str] | None = None,
    ) -> None:
        """Reads the data and builds the learner, from the recipe's seed.

        Args:
            recipe: what to train.
            output: folder of the run.
            data_dir: folder of the data set, where it needs one.
            strategy: as for `Trainer`.
            checkpoint_every: steps between checkpoints.
            presets: folder of each stage's preset, by the stage's name.
        """
        self._stated = recipe
        self.recipe = recipe.with_presets(presets) if presets else recipe
        self.output = Path(output)
        self._data_dir = None if data_dir is None else os.fspath(data_dir)
        keras.utils.set_random_seed(recipe.seed)
        self.data = self.recipe.load_dataset(self._data_dir)
        self.trainer = Trainer(
            self._build,
            strategy=strategy,
            checkpoint_dir=self.output / CHECKPOINTS_NAME,
            checkpoint_every=checkpoint_every,
            identity={"recipe": self.settings},
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Every field of the recipe as it was given, in JSON types.

        Folders of stages are left out: a run may be moved.
        """
        return as_json(dataclasses.asdict(self._stated))

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes files."""
        return is_chief(self.trainer.strategy)

    def fit(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        validation_steps: int,
        **options: Any,
    ) -> None:
        """Trains to the end, from the last checkpoint if there is one.

        Args:
            callbacks: more Keras callbacks.
            validation_steps: steps of a validation; 0 for none.
            **options: `verbose` and `resume`, as for `Trainer.fit`.
        """
        self.trainer.fit(
            self.recipe.training_source(self.data),
            num_tasks=self.recipe.num_tasks,
            steps=self.recipe.steps,
            steps_per_epoch=STEPS_PER_EPOCH,
            callbacks=[*callbacks, *self._callbacks()],
            **self._validation(validation_steps),
            **options,
        )

    def publish(self, metadata: Mapping[str, Any]) -> Path:
        """Writes recipe, model and preset, each whole or not at all.

        Args:
            metadata: more fields of the preset's metadata.

        Returns:
            The preset directory.
        """
        preset = self.output / PRESET_NAME
        if not self.is_chief:
            return preset
        learner = self.recipe.published(self.trainer.learner)
        text = json.dumps(self.settings, indent=2, sort_keys=True) + "\n"
        write_text(self.output / RECIPE_NAME, text)
        with replacing(self.output / MODEL_NAME) as temporary:
            learner.save(temporary)
        known = metadata_of(self.recipe, self.settings, self.data, learner)
        return save_to_preset(
            learner, preset, {**known, **metadata}, overwrite=True
        )

    def _build(self) -> keras.Model:
        recipe = self.recipe
        learner = recipe.learner_for(self.data)
        if recipe.initial_preset is not None:
            initial = from_preset(recipe.initial_preset)
            learner.set_weights(initial.get_weights())
        learner.compile(
            optimizer=recipe.build_optimizer(), **recipe.compile_options()
        )
        return learner

    def _callbacks(self) -> list[keras.callbacks.Callback]:
        found: list[keras.callbacks.Callback] = []
        if self.is_chief:
            self.output.mkdir(parents=True, exist_ok=True)
            found.append(ResumableCSVLogger(self.output / LOG_NAME))
            if self.recipe.keep_best:
                found.append(BestWeights(self.output / BEST_NAME))
        return [*found, SkippedSteps(self.recipe.max_skipped_steps)]

    def _validation(self, steps: int) -> dict[str, Any]:
        """Arguments of `fit` that validate on the validation classes."""
        recipe = self.recipe
        if steps == 0 or recipe.dataset.startswith(_WITHOUT_SPLITS):
            return {}
        source = recipe.validation_source(
            recipe.load_dataset(self._data_dir, recipe.val_split),
            self.trainer.learner.num_ways or VALIDATION_WAYS,
            VALIDATION_QUERIES,
            VALIDATION_SEED,
        )
        replicas = self.trainer.strategy.num_replicas_in_sync
        return {
            "validation": source,
            "validation_steps": steps,
            "validation_tasks": VALIDATION_TASKS * replicas,
        }


def metadata_of(
    recipe: EpisodicRecipe,
    settings: Mapping[str, Any],
    data: ClassDataset,
    learner: keras.Model,
) -> dict[str, Any]:
    """What a preset's metadata say of its training.

    Args:
        recipe: that was trained.
        settings: its fields as they were given, in JSON types.
        data: its training data.
        learner: the result.
    """
    low_high = learner.value_range
    return {
        "dataset": data.name,
        "recipe": settings,
        "episode": as_json(recipe.task_setting()),
        "input_spec": {
            "shape": list(learner.example_shape),
            "dtype": learner.example_dtype.name,
            "value_range": None if low_high is None else list(low_high),
        },
        "data_fingerprint": data.fingerprint,
        "data_licence": licence_of(data.name),
        "seed": recipe.seed,
    }
