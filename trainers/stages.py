"""Stages of a recipe: what is trained before the learner itself."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from metazoo.errors import CheckpointError, RecipeError, TrainingError
from metazoo.trainers.checkpoint import as_json
from metazoo.trainers.recipe_run import PRESET_NAME, RECIPE_NAME

if TYPE_CHECKING:
    from metazoo.recipes.episodic import EpisodicRecipe

STAGES_NAME = "stages"

Train = Callable[["EpisodicRecipe", Path], Path]


def finished_stages(
    recipe: EpisodicRecipe,
    output: str | os.PathLike[str],
    train: Train,
    given: Mapping[str, str],
    resume: bool,
) -> dict[str, str]:
    """Presets of a recipe's stages; those that are missing are trained.

    Args:
        recipe: of the whole run.
        output: folder of the run; a stage's own is `stages/NAME` in it.
        train: trains a recipe in a folder, from its last checkpoint if
            there is one, and returns its preset.
        given: presets to take for stages, by name.
        resume: False refuses a stage that is done.

    Returns:
        Name of each stage to the folder of its preset.

    Raises:
        RecipeError: there is no stage of a given name.
        CheckpointError: a stage's folder holds another recipe's run.
        TrainingError: a stage is done, and `resume` is False.
    """
    stages = recipe.stages()
    unknown = sorted(set(given) - set(stages))
    if unknown:
        raise RecipeError(
            f"{type(recipe).__name__} has no stage {unknown}; it has "
            f"{sorted(stages)}."
        )
    if set(stages) - set(given):
        _refuse_workers()
    found = dict(given)
    for name, stage in stages.items():
        if name not in given:
            folder = Path(output) / STAGES_NAME / name
            found[name] = str(_trained(stage, folder, train, resume))
    return found


def finished_preset(recipe: EpisodicRecipe, folder: Path) -> Path | None:
    """The preset that a finished run of a recipe left.

    Args:
        recipe: what was to be trained.
        folder: of the run.

    Returns:
        The preset's folder; None if the run is not finished.

    Raises:
        CheckpointError: the run was of another recipe.
    """
    preset = folder / PRESET_NAME
    if not preset.is_dir():
        return None
    check_same_recipe(recipe, folder)
    return preset


def check_same_recipe(recipe: EpisodicRecipe, folder: Path) -> None:
    """Refuses a folder that another recipe's run left.

    Args:
        recipe: what is wanted.
        folder: of the run; it holds `recipe.json`.

    Raises:
        CheckpointError: the run was of another recipe.
    """
    stored = json.loads((folder / RECIPE_NAME).read_text(encoding="utf-8"))
    wanted = as_json(dataclasses.asdict(recipe))
    names = sorted(set(stored) | set(wanted))
    changed = [n for n in names if stored.get(n) != wanted.get(n)]
    if changed:
        raise CheckpointError(
            f"{folder} holds a model trained by another recipe: the "
            f"fields {changed} differ. Use another folder, or remove it."
        )


def _trained(
    stage: EpisodicRecipe, folder: Path, train: Train, resume: bool
) -> Path:
    done = finished_preset(stage, folder)
    if done is None:
        return train(stage, folder)
    if not resume:
        raise TrainingError(
            f"{folder} holds a stage that is done; train in another folder, "
            "remove it, or pass resume=True."
        )
    return done


def _refuse_workers() -> None:
    """Workers that don't write would read a preset before it is there."""
    cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    if sum(len(addresses) for addresses in cluster.values()) > 1:
        raise TrainingError(
            "the stages of a recipe can't be trained by several workers; "
            "train them on one first and pass their presets "
            "(stage_presets, or the recipe's own fields)."
        )
