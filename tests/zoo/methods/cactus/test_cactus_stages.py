"""CACTUs's three stages by one recipe, stopped and gone on with."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data import from_arrays
from metazoo.errors import CheckpointError, EpisodeError, RecipeError
from metazoo.methods.cactus import cactus_deepcluster, cactus_stage_b
from metazoo.methods.cactus.cactus_acai_nets import acai_nets
from metazoo.methods.cactus.cactus_acai_recipe import ACAIRecipe
from metazoo.methods.cactus.cactus_balanced import BalancedSampler
from metazoo.methods.cactus.cactus_clusters import (
    pca_whitening,
    unit_rows,
    zca_whitening,
)
from metazoo.methods.cactus.cactus_deepcluster_recipe import (
    DeepClusterRecipe,
)
from metazoo.methods.cactus.cactus_input import prepared_input
from metazoo.methods.cactus.cactus_partitions import load_partitions
from metazoo.methods.cactus.cactus_recipe import RECIPES
from metazoo.trainers import Trainer, train_recipe

SHAPE = (16, 16, 1)


class StopError(Exception):
    """What cuts a run short."""


@pytest.fixture(scope="module")
def data_file(tmp_path_factory):
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (6, 1, *SHAPE[:2]))
    noisy = base + rng.integers(-30, 31, (6, 8, *SHAPE[:2]))
    path = tmp_path_factory.mktemp("data") / "squares.npz"
    np.savez(path, images=np.clip(noisy, 0, 255).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def recipe(data_file):
    acai = ACAIRecipe().tiny(size=16, steps=3, scales=2)
    return RECIPES["omniglot_protonet"].tiny(
        dataset=f"npz:{data_file}",
        num_ways=3,
        num_tasks=1,
        steps=2,
        filters=2,
        num_clusters=4,
        num_partitions=3,
        representation=acai,
    )


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    return output, train_recipe(recipe, output, verbose=0)


def test_one_run_leaves_all_three_stages(trained):
    output, preset = trained
    below = output / "stages" / "partitions"
    partitions = load_partitions(below / "preset")
    acai = metazoo.from_preset(
        str(below / "stages" / "representation" / "preset")
    )
    assert type(acai).__name__ == "ACAI"
    assert acai.backbone.output_shape == (None, 32)
    assert partitions.cluster_id.shape == (3, 48)
    assert partitions.weights.shape == (3, 32)
    assert not (below / "parts").exists()
    learner = metazoo.from_preset(str(preset))
    assert type(learner).__name__ == "CACTUsProtoNet"


def test_partitions_cut_short_go_on_and_repeat_none(
    recipe, trained, tmp_path, monkeypatch
):
    stage = recipe.partition_recipe()
    given = {
        "representation": str(
            trained[0] / "stages/partitions/stages/representation/preset"
        )
    }
    real, made = cactus_stage_b.kmeans_partition, []

    def stops(z, number, settings):
        if number == 2 and not made.count("stopped"):
            made.append("stopped")
            raise StopError
        made.append(number)
        return real(z, number, settings)

    monkeypatch.setattr(cactus_stage_b, "kmeans_partition", stops)
    with pytest.raises(StopError):
        train_recipe(stage, tmp_path, verbose=0, stage_presets=given)
    assert not (tmp_path / "preset").exists()
    preset = train_recipe(stage, tmp_path, verbose=0, stage_presets=given)
    assert made == [0, 1, "stopped", 2]
    found = load_partitions(preset)
    whole = load_partitions(trained[0] / "stages/partitions/preset")
    np.testing.assert_array_equal(found.cluster_id, whole.cluster_id)
    assert train_recipe(stage, tmp_path, stage_presets=given) == preset
    with pytest.raises(CheckpointError, match="num_clusters"):
        train_recipe(
            stage.replace(num_clusters=3),
            tmp_path,
            verbose=0,
            stage_presets=given,
        )


def test_deepcluster_cut_short_goes_on_with_its_round(
    data_file, tmp_path, monkeypatch, capsys
):
    recipe = DeepClusterRecipe().tiny(
        dataset=f"npz:{data_file}", num_clusters=4
    )
    whole = metazoo.from_preset(
        str(train_recipe(recipe, tmp_path / "whole", verbose=2))
    )
    lines = capsys.readouterr().out
    assert "round 2 of 2" in lines and "agreement" in lines
    real = cactus_deepcluster._groups

    def stops(recipe, backbone, data, number):
        if number == 1:
            raise StopError
        return real(recipe, backbone, data, number)

    monkeypatch.setattr(cactus_deepcluster, "_groups", stops)
    with pytest.raises(StopError):
        train_recipe(recipe, tmp_path / "parts", verbose=0)
    rounds = tmp_path / "parts" / "rounds"
    assert [path.name for path in rounds.iterdir()] == ["0000.npz"]
    monkeypatch.setattr(cactus_deepcluster, "_groups", real)
    found = metazoo.from_preset(
        str(train_recipe(recipe, tmp_path / "parts", verbose=0))
    )
    x = np.random.default_rng(1).uniform(0, 255, (1, 5, *SHAPE))
    x = x.astype(np.float32)
    z = found.embed(x).numpy()
    np.testing.assert_allclose(z, whole.embed(x), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1.0, rtol=1e-5)


def test_deepcluster_killed_within_a_round_goes_on_with_its_steps(
    data_file, tmp_path, monkeypatch
):
    recipe = DeepClusterRecipe().tiny(
        dataset=f"npz:{data_file}", num_clusters=4
    )
    whole = train_recipe(recipe, tmp_path / "whole", verbose=0)
    real, saved = Trainer._save, []

    def dies(trainer, identity, force=False):
        real(trainer, identity, force=True)
        saved.append((identity["round"], trainer.step))
        if saved[-1] == (1, 2):
            raise StopError

    monkeypatch.setattr(Trainer, "_save", dies)
    with pytest.raises(StopError):
        train_recipe(recipe, tmp_path / "parts", verbose=0)
    assert saved == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]
    rounds = tmp_path / "parts" / "rounds"
    assert {path.name for path in rounds.iterdir()} == {
        "0000.npz",
        "0001_checkpoints",
    }
    del saved[:-1]
    found = train_recipe(recipe, tmp_path / "parts", verbose=0)
    assert saved == [(1, 2), (1, 3)]
    x = np.random.default_rng(1).uniform(0, 255, (1, 5, *SHAPE))
    x = x.astype(np.float32)
    a, b = (metazoo.from_preset(str(one)).embed(x) for one in (found, whole))
    np.testing.assert_allclose(a, b, atol=1e-3)


def test_acai_parts_learn_from_their_own_losses():
    keras.utils.set_random_seed(0)
    recipe = ACAIRecipe().tiny(size=16, scales=2)
    learner = recipe.build_learner(SHAPE)
    x = np.random.default_rng(0).uniform(0, 255, (6, *SHAPE))
    x = tf.constant(x, tf.float32)
    shares = tf.constant([0.1, 0.2, 0.3, 0.4, 0.5, 0.0])
    with tf.GradientTape(persistent=True) as tape:
        found = learner.losses_of(x, shares)
    own = [*learner.backbone.variables, *learner.decoder.variables]
    none = tape.gradient(found.critic, [v.value for v in own])
    assert all(gradient is None for gradient in none)
    moved = tape.gradient(found.autoencoder, [v.value for v in own])
    assert all(np.abs(gradient).max() > 0 for gradient in moved)
    judged = tape.gradient(
        found.critic, [v.value for v in learner.critic.trainable_variables]
    )
    assert np.abs(judged[0]).max() > 0
    # A hand computation of both losses.
    codes = learner.backbone(x)
    alpha = shares[:, None]
    mixed = learner.decoder(alpha * codes + (1 - alpha) * codes[::-1])
    target, plain = learner.prepare(x), learner.decoder(codes)
    guess = tf.reduce_mean(learner.critic(mixed), -1)
    near = learner.critic(plain + 0.2 * (target - plain))
    autoencoder = np.mean((target - plain) ** 2) + 0.5 * np.mean(guess**2)
    critic = np.mean((guess - shares) ** 2)
    critic += np.mean(np.mean(near, -1) ** 2)
    assert float(found.autoencoder) == pytest.approx(autoencoder, rel=1e-5)
    assert float(found.critic) == pytest.approx(critic, rel=1e-5)


def test_acai_learns_to_reconstruct():
    keras.utils.set_random_seed(0)
    recipe = ACAIRecipe().tiny(
        size=16,
        scales=2,
        depth=4,
        num_examples=16,
        steps=80,
        outer_learning_rate=5e-3,
        warmup_steps=80,
    )
    levels = np.linspace(0, 255, 40).astype(np.uint8)
    images = np.broadcast_to(levels[:, None, None], (40, *SHAPE[:2]))
    data = from_arrays(images, np.arange(40) % 2)
    learner = recipe.learner_for(data)
    learner.compile(
        optimizer=recipe.build_optimizer(), **recipe.compile_options()
    )
    source = recipe.training_source(data)
    history = learner.fit(
        source.keras_dataset(1, steps=80), shuffle=False, verbose=0
    )
    assert "accuracy" not in history.history
    x = tf.constant(data.images, tf.float32)
    target = learner.prepare(x)
    error = tf.reduce_mean(
        tf.square(target - learner.decoder(learner.backbone(x)))
    )
    assert float(error) < 0.5 * float(tf.math.reduce_variance(target))


def test_images_get_one_size_and_range():
    small = prepared_input((28, 28, 1), 32, (-1 / 255, 1.0))
    x = np.zeros((1, 28, 28, 1), np.float32)
    found = small(x).numpy()
    assert found.shape == (1, 32, 32, 1)
    assert found[0, 2:-2, 2:-2].min() == 1 and found[0, :2].max() == 0
    large = prepared_input((84, 84, 3), 42, (1 / 255, 0.0))
    assert large.output_shape == (None, 42, 42, 3)


def test_decoder_mirrors_the_encoder():
    nets = acai_nets((28, 28, 1), 32, (-1 / 255, 1.0), 2, 3)
    assert nets["backbone"].output_shape == (None, 256)
    assert nets["decoder"].output_shape == (None, 32, 32, 1)
    with pytest.raises(RecipeError, match="multiple of 8"):
        ACAIRecipe(size=28)


def test_whitened_vectors_are_white():
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + 3).astype(
        np.float32
    )
    found = pca_whitening(z, 4)
    white = (z - found.mean) @ found.matrix
    np.testing.assert_allclose(np.cov(white.T), np.eye(4), atol=0.02)
    same = zca_whitening(z, 0.0)
    np.testing.assert_allclose(same.matrix, same.matrix.T, atol=1e-5)
    np.testing.assert_allclose(
        np.linalg.norm(unit_rows(z), axis=1), 1.0, rtol=1e-5
    )


@pytest.mark.parametrize("augmentation", ["none", "drawings", "photos"])
def test_clusters_are_equally_frequent_in_a_batch(augmentation):
    images = np.zeros((40, 8, 8, 3), np.uint8)
    clusters = np.repeat([0, 3, 7], [2, 8, 30])
    images[:] = clusters[:, None, None, None] * 10
    data = from_arrays(images, np.zeros(40, int))
    sampler = BalancedSampler(
        data, clusters, num_examples=600, augmentation=augmentation, seed=2
    )
    batch = sampler.tasks(1, 1)
    labels = batch.query_y[0].numpy()
    counts = [(labels == c).mean() for c in (0, 3, 7)]
    assert np.abs(np.array(counts) - 1 / 3).max() < 0.07
    np.testing.assert_array_equal(
        sampler.tasks(0, 2).query_x[1:], batch.query_x
    )
    if augmentation == "none":
        shown = batch.query_x[0, :, 0, 0, 0].numpy()
        np.testing.assert_array_equal(shown, labels * 10)
    with pytest.raises(EpisodeError, match="clusters"):
        BalancedSampler(data, clusters[1:], num_examples=3)
