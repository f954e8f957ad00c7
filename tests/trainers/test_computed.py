"""Stages that are computed: once, and for one recipe only."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from metazoo.errors import CheckpointError
from metazoo.recipes.computed import ComputedRecipe
from metazoo.trainers import train_recipe
from metazoo.trainers.stages import finished_preset


@dataclass(frozen=True)
class CountedRecipe(ComputedRecipe):
    """Leaves how often it was computed; fails until a file is there."""

    size: int = 1

    def compute(self, folder, data_dir, report):
        count = len(list(folder.glob("try*")))
        (folder / f"try{count}").touch()
        report(f"try {count}")
        if count == 0:
            raise ValueError("cut short")
        (folder / "half").mkdir(exist_ok=True)
        os.replace(folder / "half", folder / "preset")


def test_computation_goes_on_and_is_not_repeated(tmp_path, capsys):
    recipe = CountedRecipe()
    with pytest.raises(ValueError, match="cut short"):
        train_recipe(recipe, tmp_path, verbose=2)
    assert finished_preset(recipe, tmp_path) is None
    preset = train_recipe(recipe, tmp_path, verbose=2)
    assert finished_preset(recipe, tmp_path) == preset
    assert train_recipe(recipe, tmp_path, verbose=0) == preset
    assert len(list(tmp_path.glob("try*"))) == 2
    assert f"{tmp_path.name}: try 1" in capsys.readouterr().out


def test_folder_of_another_recipe_is_refused_even_half_done(tmp_path):
    with pytest.raises(ValueError, match="cut short"):
        train_recipe(CountedRecipe(), tmp_path, verbose=0)
    with pytest.raises(CheckpointError, match="size"):
        train_recipe(CountedRecipe(size=2), tmp_path, verbose=0)
