"""Leap's recipes and its experiment at the smallest scale."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import metazoo
from metazoo.data import load_glyphs
from metazoo.experiments import Scale, run_experiment
from metazoo.methods.leap.leap_experiments import (
    CURVES,
    EXPERIMENTS,
    LAST_ROWS,
    NONE,
    ROWS,
    recipe_of,
)
from metazoo.methods.leap.leap_recipe import RECIPES, LeapRecipe

EXPERIMENT = EXPERIMENTS["omniglot"]


def test_paper_recipe_has_the_released_values():
    paper = RECIPES["omniglot_alphabets"]
    assert (paper.inner_steps, paper.inner_batch_size) == (100, 20)
    assert (paper.num_ways, paper.num_shots, paper.num_queries) == (20, 15, 5)
    assert (paper.num_tasks, paper.steps) == (20, 1000)
    assert paper.outer_learning_rate == paper.inner_learning_rate == 0.1
    assert paper.distance == "length" and paper.augment
    assert float(paper.build_optimizer().learning_rate) == pytest.approx(0.1)


@pytest.mark.parametrize("last", [False, True])
def test_support_lasts_for_all_steps(last):
    recipe = LeapRecipe(include_last=last).tiny(
        inner_steps=5, inner_batch_size=4, num_ways=5
    )
    data = load_glyphs("train", num_alphabets=1)
    task = recipe.training_source(data).tasks(0, 1)
    # 10 drawings an epoch: 20 will do, unless a sixth batch is taken.
    assert task.support_x.shape[1] == (30 if last else 20)


def test_number_of_alphabets_holds_for_the_training_split_alone():
    recipe = LeapRecipe().tiny(
        num_alphabets=2, split="val", val_split="test", rotations=True
    )
    assert recipe.load_dataset(None).num_classes == 4 * 2 * 24
    assert recipe.load_dataset(None, "test").num_classes == 4 * 15 * 24


@pytest.mark.parametrize(
    "changes",
    [{"outer": "none"}, {"inner_batch_size": 0}, {"num_shots": (1, 2)}],
)
def test_bad_fields_are_refused(changes):
    with pytest.raises(metazoo.MetazooError, match=next(iter(changes))):
        LeapRecipe(**changes)


def test_rows_differ_from_leap_by_their_outer_update_alone():
    scale = EXPERIMENT.scale("two_cores")
    leap = recipe_of("Leap", 5, scale, 1)
    assert (leap.num_alphabets, leap.alphabet_seed, leap.filters) == (5, 1, 16)
    for name, changes in {**ROWS, **LAST_ROWS}.items():
        other = recipe_of(name, 5, scale, 1)
        changed = {
            field.name
            for field in dataclasses.fields(leap)
            if getattr(leap, field.name) != getattr(other, field.name)
        }
        assert changed <= set(changes)


def test_paper_scale_is_the_paper_recipe():
    found = recipe_of("Leap", 25, EXPERIMENT.scale("paper"), 0)
    paper = RECIPES["omniglot_alphabets"]
    assert found == paper.replace(split="background", num_alphabets=25)


def test_hundred_steps_are_the_paper_s_tasks():
    scale = EXPERIMENTS["hundred-steps"].scale()
    paper = RECIPES["omniglot_alphabets"]
    for name in scale.rows:
        found = recipe_of(name, 20, scale, 0)
        for field in (
            "num_ways",
            "num_shots",
            "inner_steps",
            "predict_steps",
            "inner_batch_size",
            "inner_learning_rate",
            "augment",
            "rotations",
        ):
            assert getattr(found, field) == getattr(paper, field), field


def test_scale_without_rows_is_refused():
    with pytest.raises(metazoo.MetazooError, match="expected a LeapScale"):
        EXPERIMENT.cells(Scale())


def test_experiment_trains_measures_and_draws(tmp_path):
    kept = {NONE, "Leap", "first-order MAML, 5 steps"}

    def some(scale):
        return [
            cell
            for cell in EXPERIMENT.cells(scale)
            if cell.labels["variant"] in kept and cell.labels["alphabets"] != 1
        ]

    few = dataclasses.replace(EXPERIMENT, cells=some, pictures=None, claims=())
    found = run_experiment(few, tmp_path, scale=EXPERIMENT.scale("tiny"))
    metrics = {row["metric"] for row in found["rows"]}
    assert metrics == {"error", "training_loss_area", "path_length"}
    assert all(np.isfinite(row["mean"]) for row in found["rows"])
    (curves,) = tmp_path.glob(f"{CURVES}/leap_2_0.npz")
    with np.load(curves) as stored:
        assert stored["curve"].shape == (3, 4)
    areas = {
        row["variant"]: row["mean"]
        for row in found["rows"]
        if row["metric"] == "training_loss_area"
    }
    assert areas["Leap"] == pytest.approx(
        np.load(curves)["curve"].mean(), rel=1e-5
    )
    assert len(set(areas.values())) == 3


def test_picture_shows_a_curve_of_every_row():
    from metazoo.methods.leap.leap_picture import plot_training_curves

    rng = np.random.default_rng(0)
    figure = plot_training_curves(
        {"Leap": rng.random((4, 6)), NONE: rng.random((4, 6))}, "title"
    )
    assert len(figure.axes[0].lines) == 2
