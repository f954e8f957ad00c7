"""Recipes in stages: order, what is passed on, kills, shared stages."""

from __future__ import annotations

import dataclasses
import json

import keras
import numpy as np
import pytest

import metazoo
from metazoo.errors import CheckpointError, RecipeError, TrainingError
from metazoo.experiments import (
    Cell,
    Experiment,
    Measurement,
    Scale,
    Training,
    run_experiment,
)
from metazoo.methods.protonet.protonet_recipe import ProtoNetRecipe
from metazoo.trainers import train_recipe
from metazoo.trainers.recipe_run import RecipeRun


@dataclasses.dataclass(frozen=True)
class StagedRecipe(ProtoNetRecipe):
    """Goes on from the weights that its only stage left."""

    start_steps: int = 2

    def stages(self):
        plain = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(ProtoNetRecipe)
        }
        steps = self.start_steps
        return {"start": ProtoNetRecipe(**{**plain, "steps": steps})}

    def with_presets(self, presets):
        return self.replace(initial_preset=presets["start"])


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    np.savez(path, images=rng.integers(0, 256, (4, 4, 16, 16), np.uint8))
    return StagedRecipe(
        dataset=f"npz:{path}",
        rotations=False,
        num_ways=2,
        num_queries=1,
        steps=3,
        filters=2,
    )


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    return output, train_recipe(recipe, output, verbose=0)


def weights(preset):
    return metazoo.from_preset(str(preset)).get_weights()


def assert_same(found, expected):
    for a, b in zip(weights(found), weights(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


class KilledError(Exception):
    pass


class Kill(keras.callbacks.Callback):
    """Dies as soon as the last stage begins."""

    def on_train_begin(self, logs=None):
        raise KilledError


def test_stage_is_trained_first_and_passed_on(recipe, trained, tmp_path):
    output, preset = trained
    start = train_recipe(
        recipe.stages()["start"], tmp_path / "start", verbose=0
    )
    assert_same(output / "stages" / "start" / "preset", start)
    by_hand = ProtoNetRecipe(
        **{
            **dataclasses.asdict(recipe.stages()["start"]),
            "steps": recipe.steps,
            "initial_preset": str(start),
        }
    )
    assert_same(preset, train_recipe(by_hand, tmp_path / "last", verbose=0))


def test_run_records_the_recipe_as_it_was_given(recipe, trained):
    output, preset = trained
    stored = json.loads((output / "recipe.json").read_text())
    assert stored["initial_preset"] is None
    assert stored["start_steps"] == 2
    assert str(output) not in (preset / "metadata.json").read_text()


def test_kill_between_stages_repeats_no_stage(recipe, trained, tmp_path):
    with pytest.raises(KilledError):
        train_recipe(recipe, tmp_path, callbacks=[Kill()], verbose=0)
    done = tmp_path / "stages" / "start" / "preset" / "model.weights.h5"
    before = done.stat().st_mtime_ns
    assert not (tmp_path / "preset").exists()
    assert_same(train_recipe(recipe, tmp_path, verbose=0), trained[1])
    assert done.stat().st_mtime_ns == before


def test_kill_within_a_stage_resumes_it(recipe, trained, tmp_path, monkeypatch):
    def dies(*args):
        raise KilledError

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(RecipeRun, "publish", dies)
        train_recipe(recipe, tmp_path, verbose=0, checkpoint_every=1)
    folder = tmp_path / "stages" / "start"
    assert not (folder / "preset").exists()
    # Of its two steps the first is left, as a kill in between would do.
    last = max((folder / "checkpoints").iterdir())
    last.rename(tmp_path / "lost")
    assert_same(
        train_recipe(recipe, tmp_path, verbose=0, checkpoint_every=1),
        trained[1],
    )


def test_stage_says_its_name(recipe, tmp_path, capsys):
    train_recipe(recipe, tmp_path, verbose=2)
    told = capsys.readouterr().out
    assert told.startswith("stage start: 2 steps\n")
    train_recipe(recipe, tmp_path, verbose=2)
    assert "stage" not in capsys.readouterr().out


def test_moved_run_still_belongs_to_its_recipe(recipe, trained, tmp_path):
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(trained[0], moved)
    shutil.rmtree(moved / "preset")
    assert_same(train_recipe(recipe, moved, verbose=0), trained[1])


def test_given_preset_takes_the_place_of_a_stage(recipe, trained, tmp_path):
    start = trained[0] / "stages" / "start" / "preset"
    found = train_recipe(
        recipe, tmp_path, verbose=0, stage_presets={"start": str(start)}
    )
    assert_same(found, trained[1])
    assert not (tmp_path / "stages").exists()


def test_stages_that_do_not_fit_are_refused(recipe, trained, monkeypatch):
    output, _ = trained
    with pytest.raises(RecipeError, match=r"no stage \['end'\].*'start'"):
        train_recipe(recipe, output, stage_presets={"end": "x"})
    with pytest.raises(CheckpointError, match="another recipe.*'steps'"):
        train_recipe(recipe.replace(start_steps=5), output, verbose=0)
    with pytest.raises(TrainingError, match="stage that is done"):
        train_recipe(recipe, output, resume=False, verbose=0)
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(TrainingError, match="several workers"):
        train_recipe(recipe, output, verbose=0)


def test_trainings_of_an_experiment_share_a_stage(recipe, tmp_path):
    start = Training("start", recipe.stages()["start"])

    def measure(bench, learner):
        return [Measurement("score", 0.5, 0.1, 3, "none", "test", "0" * 64)]

    def cells(scale):
        return [
            Cell(
                {"steps": steps},
                0,
                measure,
                Training(
                    f"last_{steps}",
                    recipe.replace(steps=steps),
                    (("start", start),),
                ),
            )
            for steps in (1, 2)
        ]

    scales = {"tiny": Scale(seeds=(0,), episodes=3)}
    experiment = Experiment("a claim", cells, scales)
    for _ in range(2):
        run_experiment(experiment, tmp_path)
    models = tmp_path / "models"
    assert {p.name for p in models.iterdir()} == {"start", "last_1", "last_2"}
    assert not (models / "last_1" / "stages").exists()
