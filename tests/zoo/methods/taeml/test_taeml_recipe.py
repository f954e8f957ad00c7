"""TAEML's stages by one recipe, its data, and its experiments."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

import metazoo
import metazoo.data.load as load
from metazoo.data import EpisodeSampler, from_arrays
from metazoo.errors import DataError, RecipeError
from metazoo.experiments import run_experiment
from metazoo.methods.taeml.experiments import taeml_channels
from metazoo.methods.taeml.experiments.taeml_answers import (
    Answers,
    best_left_out,
)
from metazoo.methods.taeml.experiments.taeml_channels import load_channels
from metazoo.methods.taeml.experiments.taeml_picture import plot_trust
from metazoo.methods.taeml.experiments.taeml_rows import (
    BEST_OF_DOMAIN,
    MATCHED,
    RATIO,
    RIVAL_RATIO,
    UNIFORM,
    cells,
    picture_of,
    trust_measurements,
)
from metazoo.methods.taeml.taeml_data import load_domains
from metazoo.methods.taeml.taeml_experiments import (
    CHANNEL_RECIPE,
    EXPERIMENTS,
)
from metazoo.methods.taeml.taeml_model import TAEML
from metazoo.methods.taeml.taeml_recipe import RECIPES
from metazoo.trainers import train_recipe

CLASSES, EACH = 6, 8


def noise(name, classes=CLASSES, shape=(28, 28), seed=0):
    """Each class is one random image, with a little noise."""
    rng = np.random.default_rng(seed)
    means = rng.integers(0, 200, (classes, 1, *shape))
    images = means + rng.integers(0, 50, (classes, EACH, *shape))
    return from_arrays(
        images.reshape(-1, *shape).astype(np.uint8),
        np.repeat(np.arange(classes), EACH),
        name=name,
    )


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    """Every data set is small and needs no file."""

    def named(name, data_dir, split, options):
        assert not options
        seed = ("train", "val", "test").index(split)
        if name != "cifar10":
            return noise(name, seed=seed)
        from metazoo.data.cifar10 import CLASS_NAMES

        data = noise(name, 10, (32, 32, 3), seed)
        return from_arrays(data.images, data.labels, CLASS_NAMES, name=name)

    monkeypatch.setattr(load, "_load_named", named)


@pytest.fixture(scope="module")
def recipe():
    return RECIPES["domains_5way_5shot"].tiny(
        dataset="mixture:cifar10,glyphs",
        split="val",
        members=("mixture:cifar10", "mixture:glyphs"),
        filters=2,
        num_ways=4,
        num_queries=1,
        num_tasks=1,
        steps=4,
        trust_units=(4, 3),
        member_ways=4,
        member_queries=1,
        member_steps=2,
    )


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        few_images.__wrapped__(patch)
        return output, train_recipe(recipe, output, verbose=0)


def test_one_run_trains_learners_then_trust(trained):
    output, preset = trained
    learner = metazoo.from_preset(str(preset))
    assert type(learner) is TAEML and learner.example_shape == (32, 32, 3)
    weights = []
    for number in range(2):
        stage = output / "stages" / f"learner_{number}" / "preset"
        member = metazoo.from_preset(str(stage))
        assert type(member).__name__ == "ProtoNet"
        weights += member.backbone.get_weights()
    pairs = zip(weights, learner.backbone.get_weights(), strict=True)
    for own, joined in pairs:
        np.testing.assert_array_equal(own, joined)
    assert not learner.backbone.trainable


def test_preset_is_whole_without_its_stages(trained, tmp_path):
    learner = metazoo.from_preset(str(trained[1]))
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    adapted = learner.adapt(x, [0, 1, 2, 2])
    found = adapted.predict(x)
    assert found.shape == (4, 3)
    assert adapted.state["support_trust"].shape == (1, 2)
    learner.save(tmp_path / "taeml.keras")
    again = metazoo.load_model(tmp_path / "taeml.keras")
    np.testing.assert_allclose(
        again.adapt(x, [0, 1, 2, 2]).predict(x), found, atol=1e-5
    )


def test_killed_run_goes_on_after_its_stages(recipe, trained, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(trained[0] / "stages", folder / "stages")
    logs = {p: p.stat().st_mtime_ns for p in folder.rglob("log.csv")}
    assert len(logs) == 2
    found = metazoo.from_preset(str(train_recipe(recipe, folder, verbose=0)))
    assert {p: p.stat().st_mtime_ns for p in logs} == logs
    expected = metazoo.from_preset(str(trained[1]))
    for a, b in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_given_learners_take_the_place_of_stages(recipe, trained):
    presets = tuple(
        str(trained[0] / "stages" / f"learner_{n}" / "preset") for n in range(2)
    )
    given = recipe.replace(member_presets=presets)
    assert not given.stages()
    data = given.load_dataset(None)
    assert data.images.shape[1:] == (4,) or data.images.ndim == 2
    learner = given.learner_for(data)
    raw = recipe.load_dataset(None)
    assert data.class_names == raw.class_names
    x = given.published(learner).embed(raw.images[None, :3].astype("float32"))
    np.testing.assert_allclose(x[0], data.images[:3], atol=1e-4)


def test_trust_is_trained_on_classes_no_learner_saw():
    for recipe in RECIPES.values():
        learners = {stage.split for stage in recipe.stages().values()}
        assert learners == {"train"} and recipe.split == "val"
        seen = recipe.load_dataset(None, "train").class_names
        held = recipe.replace(dataset="mixture:cifar10").load_dataset(None)
        assert not set(seen) & set(held.class_names)


def test_learner_has_features_of_one_length(recipe):
    stage = recipe.stages()["learner_1"]
    data = stage.load_dataset(None)
    learner = stage.learner_for(data)
    z = learner.embed(data.images[None, :5].astype(np.float32))
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 10.0, rtol=1e-4)
    momenta = {
        layer.momentum
        for layer in learner.backbone._flatten_layers()
        if hasattr(layer, "moving_mean")
    }
    assert momenta == {0.9}
    rates = [float(recipe.learning_rate()(step)) for step in (0, 2, 3)]
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.001], rtol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"form": "round"},
        {"mode": "all"},
        {"members": ()},
        {"member_presets": ("one",)},
        {"member_steps": 0},
    ],
)
def test_bad_recipe_is_refused(recipe, changes):
    with pytest.raises(RecipeError, match=next(iter(changes))[:4]):
        recipe.replace(**changes)


@pytest.fixture
def omniglot(monkeypatch):
    """Eight alphabets of four characters."""

    def read(data_dir, split):
        assert data_dir == "somewhere"
        data = noise("omniglot", 32, seed=7 if split == "background" else 8)
        names = [f"{split}{i // 4}/c{i % 4}" for i in range(32)]
        return from_arrays(data.images, data.labels, names, name="omniglot")

    monkeypatch.setattr("metazoo.data.load_omniglot", read)
    monkeypatch.setattr(taeml_channels, "MIN_CHARACTERS", 4)


def test_channel_of_the_domain_holds_the_character(omniglot):
    data = load_channels("somewhere", "train", ["channel_2", "pair"])
    assert data.image_shape == (28, 28, 4)
    half = data.num_examples // 2
    own = data.images[:half, ..., 2]
    np.testing.assert_array_equal(own, data.images[half:, ..., 0])
    np.testing.assert_array_equal(own, data.images[half:, ..., 1])
    for channel in (0, 1, 3):
        same = (data.images[:half, ..., channel] == own).all((1, 2))
        assert same.mean() < 0.1
    again = load_channels("somewhere", "train", ["channel_2", "pair"])
    assert again.fingerprint == data.fingerprint


def test_channel_splits_share_no_character(omniglot):
    parts = [
        set(load_channels("somewhere", split).class_names)
        for split in ("train", "val", "test")
    ]
    assert [len(part) // 4 for part in parts] == [18, 6, 8]
    assert not parts[0] & parts[1] and not parts[0] & parts[2]
    for domains, split in ((["channel_9"], "train"), (["pair"], "all")):
        with pytest.raises(DataError, match="expected some of"):
            load_channels("somewhere", split, domains)
    with pytest.raises(DataError, match="needs data_dir"):
        load_domains("channels:pair", None, "train", 28)


def test_left_out_choice_takes_the_learner_that_sees(recipe):
    """The first learner keeps what tells classes apart, the second doesn't."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(12), 6)
    good = np.eye(12)[labels] * 5 + rng.random((72, 12))
    vectors = np.concatenate([good, rng.random((72, 12))], 1)
    data = from_arrays(vectors.astype(np.float32), labels)
    learner = (
        RECIPES["domains_5way_5shot"]
        .replace(members=("a:b", "a:c"))
        .learner_for(data)
    )
    sampler = EpisodeSampler(data, num_ways=4, num_shots=4, num_queries=1)
    task = sampler.tasks(0, 10)
    state = learner.adapt_state(
        task.support_x, task.support_y, task.support_mask, 4
    )
    best = best_left_out(learner, task, state["prototypes"], 4).numpy()
    np.testing.assert_allclose(best.sum(1), 1.0)
    assert (best[:, 0] == 1).all()


def rows(results, metric):
    return {
        row["variant"]: row["mean"]
        for row in results["rows"]
        if row["metric"] == metric
    }


def test_experiment_measures_every_row(omniglot, tmp_path):
    names = ("channel_0", "channel_1")
    recipe = CHANNEL_RECIPE.replace(
        dataset="channels:" + ",".join(names),
        members=tuple(f"channels:{name}" for name in names),
        filters=2,
    )
    variants = {"symmetric_transductive": {"mode": "transductive"}}
    whole = EXPERIMENTS["channels"]
    scale = whole.scale("tiny").with_changes(member_steps=1, steps=1, filters=2)
    experiment = dataclasses.replace(
        whole,
        cells=lambda scale: cells(recipe, variants, scale, "channels:pair"),
        pictures=lambda scale: [
            picture_of(recipe, *next(iter(variants.items())), scale)
        ],
    )
    found = run_experiment(
        experiment, tmp_path, scale=scale, data_dir="somewhere"
    )
    accuracy = rows(found, "accuracy")
    assert len(accuracy) == 2 + 6 + 3 + 1
    assert all(0 <= value <= 1 for value in accuracy.values())
    assert accuracy[MATCHED] <= accuracy[BEST_OF_DOMAIN] + 1e-9
    for ratio in (RATIO, RIVAL_RATIO):
        assert rows(found, ratio)[UNIFORM] == 1.0
    mean, rival = (rows(found, name) for name in (RATIO, RIVAL_RATIO))
    assert mean.keys() == rival.keys()
    by_channel = [rows(found, f"accuracy_{name}") for name in names]
    for row, value in accuracy.items():
        mean = (by_channel[0][row] + by_channel[1][row]) / 2
        np.testing.assert_allclose(value, mean)
    assert set(rows(found, "accuracy_pair")) == set(accuracy) - {MATCHED}
    judged = {claim["metric"] for claim in found["claims"]}
    assert judged == {"accuracy", RATIO}
    assert (tmp_path / "trust.png").stat().st_size > 1000


def test_most_trusted_other_learner_counts_not_only_their_mean():
    domains = [f"channel_{number}" for number in range(3)]
    recipe = CHANNEL_RECIPE.replace(
        members=tuple(f"channels:{name}" for name in domains)
    )
    # In channel_1 the first learner is trusted more than the matched one.
    trust = {
        "channel_0": np.array([[8.0, 2.0, 2.0], [8.0, 2.0, 2.0]]),
        "channel_1": np.array([[5.0, 4.0, 0.5], [5.0, 4.0, 0.5]]),
    }
    data = noise("any")
    answers = Answers({}, {"support": trust}, data)
    found = {
        one.metric: one.mean
        for one in trust_measurements(answers, "support", recipe)
    }
    assert found[RATIO] == pytest.approx(4.0 / 2.75)
    assert found[RIVAL_RATIO] == pytest.approx(0.8)
    claims = [
        claim.metric
        for claim in EXPERIMENTS["domains"].claims
        if "the most trust" in claim.doc
    ]
    assert claims == [RIVAL_RATIO]


def test_picture_writes_every_trust():
    figure = plot_trust(
        {"a": np.array([3.0, 0.5]), "b": np.array([0.25, 2.0])}, ["x", "y"]
    )
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["3.00", "0.50", "0.25", "2.00"]
