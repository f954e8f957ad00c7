"""Runs stages that are computed and not trained."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from metazoo.recipes.computed import ComputedRecipe
from metazoo.trainers.checkpoint import as_json
from metazoo.trainers.recipe_run import PRESET_NAME, RECIPE_NAME
from metazoo.trainers.stages import check_same_recipe
from metazoo.whole_files import write_text


def compute_recipe(
    recipe: ComputedRecipe,
    output: Path,
    data_dir: str | None,
    *,
    presets: Mapping[str, str],
    shows_progress: bool,
) -> Path:
    """Computes a stage in a folder, or what a kill left of it to do.

    The recipe is written first: a folder whose computation was cut short
    goes on with the same one only.

    Args:
        recipe: what to compute.
        output: folder of the run.
        data_dir: folder of the data set, where it needs one.
        presets: folder of each stage's preset, by the stage's name.
        shows_progress: whether lines of progress are printed.

    Returns:
        The folder of the preset.

    Raises:
        CheckpointError: the folder holds another recipe's run.
    """
    preset = output / PRESET_NAME
    output.mkdir(parents=True, exist_ok=True)
    if (output / RECIPE_NAME).exists():
        check_same_recipe(recipe, output)
    else:
        settings = as_json(dataclasses.asdict(recipe))
        text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
        write_text(output / RECIPE_NAME, text)
    if preset.is_dir():
        return preset
    told = recipe.with_presets(presets) if presets else recipe

    def report(line: str) -> None:
        if shows_progress:
            print(f"{output.name}: {line}", flush=True)

    told.compute(output, data_dir, report)
    return preset
