"""Trains a recipe from data to preset, resumable at any point."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from metazoo.data import ClassDataset, EpisodeSampler
from metazoo.data.licences import licence_of
from metazoo.presets import from_preset, save_to_preset
from metazoo.trainers.best_weights import BestWeights
from metazoo.trainers.callbacks import ResumableCSVLogger, SkippedSteps
from metazoo.trainers.checkpoint import as_json
from metazoo.trainers.strategies import is_chief
from metazoo.trainers.trainer import Trainer

if TYPE_CHECKING:
    from metazoo.recipe import EpisodicRecipe

RECIPE_NAME = "recipe.json"
LOG_NAME = "log.csv"
MODEL_NAME = "model.keras"
PRESET_NAME = "preset"
CHECKPOINTS_NAME = "checkpoints"
BEST_NAME = "best.npz"
STEPS_PER_EPOCH = 500
_WITHOUT_SPLITS = ("folder:", "npz:", "texts:")
# Validation episodes are the same for every recipe and seed.
VALIDATION_SEED = 12345
VALIDATION_WAYS = 5
VALIDATION_QUERIES = 5
VALIDATION_TASKS = 10


def train_recipe(
    recipe: EpisodicRecipe,
    output_dir: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    *,
    resume: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    strategy: str | tf.distribute.Strategy | None = None,
    overrides: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    checkpoint_every: int = STEPS_PER_EPOCH,
    validation_steps: int = 12,
    verbose: str | int = "auto",
) -> Path:
    """Trains a learner and writes it as a preset.

    Step s uses the tasks s * num_tasks onwards of the recipe's seed. Written
    to `output_dir`: `log.csv` (a row every 500 steps), `checkpoints/`, and
    when training ends `recipe.json`, `model.keras` and `preset/`.
    Called again after it was killed, it goes on from the last checkpoint;
    for the same bits as without the kill, call `deterministic` first.

    Args:
        recipe: what to train.
        output_dir: folder of the run.
        data_dir: folder of the data set, where it needs one.
        resume: False refuses a folder that holds checkpoints.
        callbacks: more Keras callbacks.
        strategy: as for `Trainer`.
        overrides: recipe fields to change.
        metadata: more fields of the preset's metadata, such as `preset`,
            its name.
        checkpoint_every: steps between checkpoints.
        validation_steps: steps of a validation on the recipe's validation
            classes, of 10 tasks for each replica; 0 for none. A data set
            that has no splits ("folder:", "npz:", "texts:") gets none.
        verbose: as in Keras.

    Returns:
        The preset directory.

    Raises:
        RecipeError: an override is no field of the recipe.
        CheckpointError: the folder holds another run.
        DataError: the data set can't be read.
    """
    if overrides:
        recipe = recipe.replace(**overrides)
    output = Path(output_dir)
    keras.utils.set_random_seed(recipe.seed)
    data = recipe.load_dataset(_as_text(data_dir))
    trainer = Trainer(
        _builder(recipe, data),
        strategy=strategy,
        checkpoint_dir=output / CHECKPOINTS_NAME,
        checkpoint_every=checkpoint_every,
        identity={"recipe": _settings(recipe)},
    )
    chief = is_chief(trainer.strategy)
    if chief:
        output.mkdir(parents=True, exist_ok=True)
        callbacks = [*callbacks, ResumableCSVLogger(output / LOG_NAME)]
        if recipe.keep_best:
            callbacks.append(BestWeights(output / BEST_NAME))
    callbacks = [*callbacks, SkippedSteps(recipe.max_skipped_steps)]
    trainer.fit(
        recipe.training_source(data),
        num_tasks=recipe.num_tasks,
        steps=recipe.steps,
        steps_per_epoch=STEPS_PER_EPOCH,
        callbacks=callbacks,
        verbose=verbose,
        resume=resume,
        **_validation(recipe, data_dir, trainer, validation_steps),
    )
    if chief:
        learner = recipe.published(trainer.learner)
        _write(recipe, data, learner, output, metadata or {})
    return output / PRESET_NAME


def _builder(
    recipe: EpisodicRecipe, data: ClassDataset
) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        learner = recipe.learner_for(data)
        if recipe.initial_preset is not None:
            initial = from_preset(recipe.initial_preset)
            learner.set_weights(initial.get_weights())
        learner.compile(
            optimizer=recipe.build_optimizer(), **recipe.compile_options()
        )
        return learner

    return build


def _validation(
    recipe: EpisodicRecipe,
    data_dir: str | os.PathLike[str] | None,
    trainer: Trainer,
    steps: int,
) -> dict[str, Any]:
    """Arguments of `fit` that validate on the recipe's validation classes."""
    if steps == 0 or recipe.dataset.startswith(_WITHOUT_SPLITS):
        return {}
    data = recipe.load_dataset(_as_text(data_dir), recipe.val_split)
    shots = recipe.num_shots
    sampler = EpisodeSampler(
        data,
        num_ways=trainer.learner.num_ways or VALIDATION_WAYS,
        num_shots=shots if isinstance(shots, int) else shots[1],
        num_queries=VALIDATION_QUERIES,
        seed=VALIDATION_SEED,
    )
    replicas = trainer.strategy.num_replicas_in_sync
    return {
        "validation": sampler,
        "validation_steps": steps,
        "validation_tasks": VALIDATION_TASKS * replicas,
    }


def _write(
    recipe: EpisodicRecipe,
    data: ClassDataset,
    learner: keras.Model,
    output: Path,
    metadata: Mapping[str, Any],
) -> None:
    """Writes recipe, model and preset, each whole or not at all."""
    text = json.dumps(_settings(recipe), indent=2, sort_keys=True) + "\n"
    _replace(output / RECIPE_NAME, lambda path: path.write_text(text))
    _replace(output / MODEL_NAME, learner.save)
    known = _metadata(recipe, data, learner)
    save_to_preset(
        learner,
        output / PRESET_NAME,
        {**known, **metadata},
        overwrite=True,
    )


def _metadata(
    recipe: EpisodicRecipe, data: ClassDataset, learner: keras.Model
) -> dict[str, Any]:
    settings = _settings(recipe)
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


def _settings(recipe: EpisodicRecipe) -> dict[str, Any]:
    return as_json(dataclasses.asdict(recipe))


def _replace(target: Path, write: Callable[[Path], Any]) -> None:
    """Writes a file beside its place and renames it there."""
    temporary = target.with_name(f".tmp-{uuid.uuid4().hex}{target.suffix}")
    try:
        write(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _as_text(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)
