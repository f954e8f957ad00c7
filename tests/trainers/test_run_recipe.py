from __future__ import annotations

import json

import keras
import numpy as np
import pytest

import metazoo
from metazoo.data import EpisodeSampler
from metazoo.errors import CheckpointError, RecipeError
from metazoo.methods.protonet.protonet_recipe import ProtoNetRecipe
from metazoo.trainers import train_recipe


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> ProtoNetRecipe:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    np.savez(path, images=rng.integers(0, 256, (6, 5, 16, 16), np.uint8))
    return ProtoNetRecipe(
        dataset=f"npz:{path}",
        rotations=False,
        num_ways=3,
        num_queries=2,
        num_tasks=2,
        steps=6,
        filters=4,
    )


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    return output, train_recipe(recipe, output, verbose=0)


def test_run_leaves_its_files(recipe, trained):
    output, preset = trained
    names = {path.name for path in output.iterdir()}
    assert names == {
        "checkpoints",
        "log.csv",
        "model.keras",
        "preset",
        "recipe.json",
    }
    saved = json.loads((output / "recipe.json").read_text())
    assert ProtoNetRecipe(**{**saved, "rescaling": recipe.rescaling}) == recipe
    assert preset == output / "preset"


def test_weights_are_those_of_keras_fit(recipe, trained):
    keras.utils.set_random_seed(recipe.seed)
    data = recipe.load_dataset(None)
    learner = recipe.build_learner(data.image_shape)
    learner.compile(optimizer=recipe.build_optimizer())
    sampler = EpisodeSampler(
        data, num_ways=3, num_shots=1, num_queries=2, seed=recipe.seed
    )
    learner.fit(sampler.keras_dataset(2, steps=6), steps_per_epoch=6, verbose=0)
    for found in (
        metazoo.from_preset(str(trained[1])),
        keras.saving.load_model(trained[0] / "model.keras"),
    ):
        for a, b in zip(
            found.get_weights(), learner.get_weights(), strict=True
        ):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_preset_says_how_it_was_trained(recipe, trained):
    found = json.loads((trained[1] / "metadata.json").read_text())
    assert found["method"] == "protonet"
    assert found["seed"] == recipe.seed
    assert found["recipe"]["steps"] == 6
    assert found["episode"]["num_ways"] == 3
    assert found["data_fingerprint"] == recipe.load_dataset(None).fingerprint
    assert found["input_spec"]["shape"] == [16, 16, 1]


def test_overrides_and_metadata_reach_the_preset(recipe, tmp_path):
    preset = train_recipe(
        recipe,
        tmp_path,
        overrides={"steps": 1},
        metadata={"preset": "protonet_tiny_noise"},
        verbose=0,
    )
    found = json.loads((preset / "metadata.json").read_text())
    assert found["preset"] == "protonet_tiny_noise"
    assert found["recipe"]["steps"] == 1


def test_training_starts_from_the_initial_preset(recipe, trained, tmp_path):
    _, preset = trained
    start = recipe.replace(
        initial_preset=str(preset), steps=1, outer_learning_rate=1e-12
    )
    found = metazoo.from_preset(train_recipe(start, tmp_path, verbose=0))
    expected = metazoo.from_preset(preset).trainable_variables
    for a, b in zip(found.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_unknown_override_is_refused(recipe, tmp_path):
    with pytest.raises(RecipeError, match="stepz"):
        train_recipe(recipe, tmp_path, overrides={"stepz": 1})


def test_other_recipe_in_the_same_folder_names_the_field(recipe, trained):
    with pytest.raises(CheckpointError, match=r"recipe\.num_shots was 1"):
        train_recipe(recipe, trained[0], overrides={"num_shots": 2}, verbose=0)
