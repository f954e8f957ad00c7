"""Trains a recipe from data to preset, resumable at any point."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from metazoo.recipes.computed import ComputedRecipe
from metazoo.trainers.computed import compute_recipe
from metazoo.trainers.recipe_run import STEPS_PER_EPOCH, RecipeRun
from metazoo.trainers.stages import finished_stages

if TYPE_CHECKING:
    from metazoo.recipes.episodic import EpisodicRecipe


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
    stage_presets: Mapping[str, str] | None = None,
) -> Path:
    """Trains a learner, its stages before it, and writes it as a preset.

    Step s uses the tasks s * num_tasks onwards of the recipe's seed. Written
    to `output_dir`: `log.csv` (a row every 500 steps), `checkpoints/`, and
    when training ends `recipe.json`, `model.keras` and `preset/`.
    Called again after it was killed, it goes on from the last checkpoint;
    for the same bits as without the kill, call `deterministic` first.
    A recipe with stages leaves a folder of the same kind for each in
    `stages/`; a stage that is done is not repeated. A `ComputedRecipe` leaves
    `recipe.json`, `preset/` and what it keeps to go on after a kill.

    Args:
        recipe: what to train.
        output_dir: folder of the run.
        data_dir: folder of the data set, where it needs one.
        resume: False refuses a folder that holds checkpoints.
        callbacks: more Keras callbacks; stages get none.
        strategy: as for `Trainer`; stages can't have several workers.
        overrides: recipe fields to change.
        metadata: more fields of the preset's metadata, such as `preset`,
            its name.
        checkpoint_every: steps between checkpoints.
        validation_steps: steps of a validation on the recipe's validation
            classes, of 10 tasks for each replica; 0 for none. A data set
            that has no splits ("folder:", "npz:", "texts:") gets none.
        verbose: as in Keras.
        stage_presets: presets to take for stages, by name, instead of
            training them here.

    Returns:
        The preset directory.

    Raises:
        RecipeError: an override is no field of the recipe, or it has no
            stage of a given name.
        CheckpointError: the folder holds another run.
        DataError: the data set can't be read.
    """
    if overrides:
        recipe = recipe.replace(**overrides)
    shared: dict[str, Any] = {
        "data_dir": data_dir,
        "resume": resume,
        "strategy": strategy,
        "checkpoint_every": checkpoint_every,
        "validation_steps": validation_steps,
        "verbose": verbose,
    }
    presets = finished_stages(
        recipe,
        output_dir,
        partial(_train_stage, shared),
        stage_presets or {},
        resume,
    )
    if isinstance(recipe, ComputedRecipe):
        return compute_recipe(
            recipe,
            Path(output_dir),
            None if data_dir is None else os.fspath(data_dir),
            presets=presets,
            shows_progress=verbose != 0,
        )
    run = RecipeRun(
        recipe, output_dir, data_dir, strategy, checkpoint_every, presets
    )
    run.fit(callbacks, validation_steps, verbose=verbose, resume=resume)
    return run.publish(metadata or {})


def _train_stage(
    shared: Mapping[str, Any], stage: EpisodicRecipe, folder: Path
) -> Path:
    if shared["verbose"] != 0 and not isinstance(stage, ComputedRecipe):
        print(f"stage {folder.name}: {stage.steps} steps", flush=True)
    return train_recipe(stage, folder, **shared)
