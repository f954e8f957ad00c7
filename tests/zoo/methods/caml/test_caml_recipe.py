"""CAML's two stages by one recipe, its variants and experiments."""

from __future__ import annotations

import numpy as np
import pytest

import metazoo
from metazoo.errors import RecipeError
from metazoo.experiments import run_experiment
from metazoo.methods.caml.caml_experiments import EXPERIMENTS
from metazoo.methods.caml.caml_model import CAML
from metazoo.methods.caml.caml_recipe import RECIPES
from metazoo.methods.caml.experiments.caml_families import (
    FamilyRecipe,
    family_sampler,
    load_families,
)
from metazoo.trainers import train_recipe


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    np.savez(path, images=rng.integers(0, 256, (5, 4, 16, 16), np.uint8))
    tiny = RECIPES["omniglot_20way_1shot"].tiny()
    return tiny.replace(
        dataset=f"npz:{path}",
        rotations=False,
        num_ways=2,
        num_queries=1,
        num_tasks=1,
        steps=2,
        inner_steps=1,
        filters=2,
        metric_ways=3,
        metric_queries=1,
        metric_steps=2,
    )


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    return output, train_recipe(recipe, output, verbose=0)


def test_one_run_trains_both_stages(trained):
    output, preset = trained
    first = metazoo.from_preset(str(output / "stages" / "metric" / "preset"))
    learner = metazoo.from_preset(str(preset))
    assert type(first).__name__ == "ProtoNet" and type(learner) is CAML
    pairs = zip(
        first.backbone.get_weights(),
        learner.metric.get_weights(),
        strict=True,
    )
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)


def test_preset_is_whole_without_its_stage(trained, tmp_path):
    learner = metazoo.from_preset(str(trained[1]))
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (4, 16, 16, 1)).astype(np.float32)
    found = learner.adapt(x, [0, 1, 2, 2]).predict(x)
    assert found.shape == (4, 3)
    learner.save(tmp_path / "caml.keras")
    again = metazoo.load_model(tmp_path / "caml.keras")
    np.testing.assert_allclose(
        again.adapt(x, [0, 1, 2, 2]).predict(x), found, atol=1e-5
    )


def test_metric_preset_takes_the_place_of_the_stage(recipe, trained, tmp_path):
    stage = trained[0] / "stages" / "metric" / "preset"
    given = recipe.replace(metric_preset=str(stage))
    assert not given.stages()
    found = metazoo.from_preset(str(train_recipe(given, tmp_path, verbose=0)))
    expected = metazoo.from_preset(str(trained[1]))
    for a, b in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_maml_variant_has_the_same_net_and_no_stage(recipe):
    maml = recipe.replace(variant="maml")
    assert not maml.stages()
    learner = maml.build_learner((16, 16, 1))
    ours = recipe.build_learner((16, 16, 1))
    assert type(learner).__name__ == "MAML"
    assert [v.shape for v in learner.fast_variables] == [
        v.shape for v in ours.fast_variables
    ]
    for name in ("head", "normalization", "inner_steps", "predict_steps"):
        assert getattr(learner, name) == getattr(ours, name)


def test_paper_scale_has_a_residual_metric_network():
    paper = RECIPES["paper_mini_imagenet_5way_1shot"]
    (stage,) = paper.stages().values()
    assert stage.build_backbone((84, 84, 3)).output_shape == (None, 512)
    assert stage.num_ways == 20
    backbone = paper.build_backbone((84, 84, 3))
    assert backbone.output_shape == (None, 750)


def test_metric_network_trains_on_several_tasks_a_step():
    recipe = FamilyRecipe(metric_tasks=3, metric_queries=7)
    stage = recipe.metric_recipe()
    assert (stage.num_tasks, stage.num_queries) == (3, 7)
    with pytest.raises(RecipeError, match="metric_tasks"):
        FamilyRecipe(metric_tasks=0)


def test_paper_scale_is_the_paper_recipe():
    experiment = EXPERIMENTS["mini-imagenet"]
    rows = [
        cell.training.recipe
        for cell in experiment.cells(experiment.scale("paper"))
        if cell.labels["variant"] == "caml" and cell.seed == 0
    ]
    paper = RECIPES["paper_mini_imagenet_5way_1shot"]
    assert rows == [paper.replace(keep_best=False)]


@pytest.mark.parametrize("variant", ["caml", "maml"])
def test_multitask_term_trains_by_the_recipe(recipe, variant, tmp_path):
    multi = recipe.replace(
        variant=variant, multitask_weight=1.0, multitask_examples=3
    )
    sampler = multi.training_source(multi.load_dataset(None))
    episode = sampler.tasks(0, 2)
    assert episode.query_mask.numpy()[:, -3:].sum() == 0
    assert episode.query_mask.numpy()[:, :-3].all()
    plain = recipe.training_source(sampler.data)
    for y, image in zip(
        episode.query_y[0, -3:], episode.query_x[0, -3:], strict=True
    ):
        start = int(sampler.data.class_offsets[int(y)])
        found = sampler.data.images[start : start + 4] == image.numpy()
        assert found.all((1, 2, 3)).any()
    assert plain.identity() != sampler.identity()
    learner = metazoo.from_preset(str(train_recipe(multi, tmp_path, verbose=0)))
    assert learner.class_head.units == 5


def test_unknown_variant_is_refused():
    with pytest.raises(RecipeError, match="variant"):
        RECIPES["omniglot_20way_1shot"].replace(variant="tadam")


def test_half_of_the_family_tasks_are_of_one_family():
    data = load_families("test")
    sampler = family_sampler(
        data, num_ways=5, num_shots=1, num_queries=1, seed=3
    )
    centres = data.images.reshape(300, 40, 48).mean(1)
    x = sampler.tasks(0, 60).support_x.numpy()
    gaps = np.square(x[:, :, None] - centres).sum(-1)
    families = gaps.argmin(-1) % 6
    one = (families == families[:, :1]).mean(1) > 0.7
    assert 0.3 < one.mean() < 0.7


def test_tiny_families_experiment_measures_every_row(tmp_path):
    experiment = EXPERIMENTS["families"]
    scale = experiment.scale("tiny").with_changes(
        steps=1, metric_steps=1, num_queries=1
    )
    found = run_experiment(experiment, tmp_path, scale=scale)
    names = {"nearest_centre", "caml", "maml", "shuffled"}
    assert {row["variant"] for row in found["rows"]} == names
    assert len(found["claims"]) == 4
    models = {path.name for path in (tmp_path / "models").iterdir()}
    assert models == {"metric_0", "caml_0", "maml_0", "shuffled_0"}
