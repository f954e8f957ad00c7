"""LEO's recipes, its control, and its experiments at the smallest scale."""

from __future__ import annotations

import csv
import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data import EpisodeSampler, load_subspace
from metazoo.experiments import run_experiment
from metazoo.layers import features
from metazoo.methods.leo.leo_control import LinearMetaSGD
from metazoo.methods.leo.leo_experiments import (
    EXPERIMENTS,
    SYNTHETIC,
    VARIANTS,
    variant_recipe,
)
from metazoo.methods.leo.leo_recipe import RECIPES, LEORecipe
from metazoo.presets import from_preset

SOME_VARIANTS = {"nearest_mean_in_subspace", "meta_sgd", "leo"}


@pytest.fixture(scope="module")
def episode():
    data = load_subspace("train", num_classes=10)
    sampler = EpisodeSampler(data, num_ways=3, num_shots=2, num_queries=4)
    return sampler.tasks(0, 2)


@pytest.fixture(scope="module")
def features_preset(tmp_path_factory):
    """A preset whose backbone takes glyphs."""
    learner = metazoo.SimpleShot(
        metazoo.layers.conv4((28, 28, 1), filters=4), num_classes=5
    )
    return learner.save_to_preset(
        tmp_path_factory.mktemp("features") / "glyph_features",
        dataset="glyphs",
    )


def test_paper_recipes_have_the_authors_tuned_values():
    mini = RECIPES["paper_mini_imagenet_5way_1shot"]
    assert (mini.num_tasks, mini.num_queries, mini.steps) == (12, 15, 100000)
    assert (mini.latent_steps, mini.weight_steps) == (5, 5)
    assert (mini.kl_weight, mini.dropout) == (0.7561, 0.3077)
    tiered = RECIPES["paper_tiered_imagenet_5way_5shot"]
    assert tiered.dataset == "embeddings:tieredImageNet/center"
    assert (tiered.outer_learning_rate, tiered.l2) == (6.110e-4, 1.690e-10)


def test_optimizer_clips_each_variable_by_itself():
    optimizer = LEORecipe().build_optimizer()
    assert (optimizer.clipnorm, optimizer.global_clipnorm) == (0.1, None)
    assert LEORecipe().compile_options() == {"clip_elements": 0.1}


def test_images_become_features_and_the_learner_takes_images(features_preset):
    recipe = LEORecipe(
        dataset="glyphs", features_preset=str(features_preset), latent_size=4
    )
    data = recipe.load_dataset(None, "val")
    assert data.image_shape == (4,)
    learner = recipe.build_learner(data.image_shape)
    assert learner.example_shape == (4,)
    assert recipe.published(learner).example_shape == (28, 28, 1)
    kept = recipe.replace(keep_features=True)
    assert kept.published(learner) is learner


def test_validation_classes_can_join_the_training(features_preset):
    recipe = LEORecipe(
        dataset="glyphs",
        features_preset=str(features_preset),
        split="test",
        train_on_val=True,
    )
    both = recipe.load_dataset(None)
    parts = [recipe.load_dataset(None, "val").num_classes]
    parts.append(
        recipe.replace(train_on_val=False).load_dataset(None).num_classes
    )
    assert both.num_classes == sum(parts)
    assert both.split == "train+val"


def test_control_descends_with_its_own_step_sizes(episode):
    keras.utils.set_random_seed(0)
    learner = LinearMetaSGD(features(64), num_ways=3, inner_steps=1)
    learner.rates.assign(np.linspace(0.1, 1, 192).reshape(3, 64))
    x = tf.math.l2_normalize(episode.support_x, -1)
    start = learner.initial_weights.value
    with tf.GradientTape() as tape:
        tape.watch(start)
        logits = tf.einsum("sd,nd->sn", x[0], start)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            episode.support_y[0], logits
        )
        loss = tf.reduce_sum(losses)
    expected = start - learner.rates * tape.gradient(loss, start) / 2
    state = learner.adapt(episode.support_x, episode.support_y).state
    np.testing.assert_allclose(state["weights"][0], expected, atol=1e-6)


def test_control_needs_fixed_ways():
    with pytest.raises(metazoo.MetazooError, match="num_ways"):
        LinearMetaSGD(features(4), num_ways=None)


def test_control_is_stored_as_a_preset_of_leo(episode, tmp_path):
    learner = LinearMetaSGD(features(64), num_ways=3)
    folder = learner.save_to_preset(tmp_path / "control", dataset="subspace")
    copy = from_preset(str(folder))
    assert type(copy) is LinearMetaSGD
    assert copy.preset_metadata.method == "leo"
    x, y = episode.support_x, episode.support_y
    np.testing.assert_array_equal(
        copy.adapt(x, y).state["weights"], learner.adapt(x, y).state["weights"]
    )


def test_every_variant_is_another_training():
    recipes = [variant_recipe(SYNTHETIC, name) for name in VARIANTS]
    assert len(set(recipes)) == len(VARIANTS) == 7
    control = variant_recipe(SYNTHETIC, "meta_sgd")
    assert isinstance(control.build_learner((64,)), LinearMetaSGD)
    assert control.outer_learning_rate == pytest.approx(1e-2)


def test_synthetic_ablation_runs_and_goes_on(tmp_path):
    whole = EXPERIMENTS["synthetic"]

    def cells_of(scale):
        return [
            cell
            for cell in whole.cells(scale)
            if cell.labels["variant"] in SOME_VARIANTS
        ]

    experiment = dataclasses.replace(whole, cells=cells_of)
    scale = experiment.scale("tiny", episodes=4).with_changes(steps=2)
    run_experiment(experiment, tmp_path, scale=scale)
    assert variants(tmp_path) == SOME_VARIANTS
    cells = tmp_path / "cells"
    (cells / "variant=leo,shots=1,seed=0.json").unlink()
    written = {p.name: p.stat().st_mtime_ns for p in cells.iterdir()}
    run_experiment(experiment, tmp_path, scale=scale)
    assert variants(tmp_path) == SOME_VARIANTS
    for name, time in written.items():
        assert (cells / name).stat().st_mtime_ns == time


def variants(folder) -> set[str]:
    with open(folder / "results.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert all(0 <= float(r["mean"]) <= 1 for r in rows if is_accuracy(r))
    return {row["variant"] for row in rows if is_accuracy(row)}


def is_accuracy(row) -> bool:
    return row["metric"] == "accuracy"
