"""ATAML's recipes, experiments at the smallest scale, and its picture."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest

from metazoo.data import load_glyphs, load_phrases
from metazoo.data.words import split_words
from metazoo.errors import DataError, MetazooError, RecipeError
from metazoo.experiments import run_experiment
from metazoo.methods.ataml.ataml_experiments import (
    EXPERIMENTS,
    PRETRAINED,
    RANDOM,
    TRAINED,
    recipe_of,
)
from metazoo.methods.ataml.ataml_picture import class_names, draw_attention
from metazoo.methods.ataml.ataml_recipe import RECIPES, ATAMLRecipe
from metazoo.plots.attention_picture import AttendedText, plot_attention


@pytest.fixture(scope="module")
def learner():
    return ATAMLRecipe().tiny().learner_for(load_phrases("train"))


def test_paper_recipes_state_what_the_paper_states():
    paper = RECIPES["paper_reuters_5way_1shot"]
    assert (paper.dropout, paper.dilations, paper.max_words) == (
        0.5,
        (3, 3),
        200,
    )
    assert paper.word_vectors.startswith("glove")
    assert RECIPES["clinc150_5way_5shot"].num_shots == 5


def test_vocabulary_is_of_training_texts_alone(learner):
    texts = split_words(load_phrases("train").images)
    assert set(learner.word_ids.vocabulary) == {w for t in texts for w in t}
    vectors = learner.encoder.embeddings.numpy()
    assert not vectors[:2].any()
    assert np.square(vectors[2:]).mean() == pytest.approx(1.0, rel=1e-4)


def test_vectors_may_come_from_a_file(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("rain 1 2 3\nsong 4 5 6\n")
    recipe = ATAMLRecipe().tiny(word_vectors=str(path))
    learner = recipe.learner_for(load_phrases("train"))
    rows = {w: i + 2 for i, w in enumerate(learner.word_ids.vocabulary)}
    vectors = learner.encoder.embeddings.numpy()
    np.testing.assert_array_equal(vectors[rows["rain"]], [1, 2, 3])
    assert np.abs(vectors).sum() == 21
    with pytest.raises(DataError, match="can't be read"):
        recipe.replace(word_vectors="none.txt").learner_for(
            load_phrases("train")
        )


def test_what_holds_no_texts_is_refused():
    glyphs = load_glyphs("val", num_alphabets=1, num_characters=5)
    with pytest.raises(RecipeError, match="learns from texts"):
        ATAMLRecipe().learner_for(glyphs)
    with pytest.raises(RecipeError, match="learner_for"):
        ATAMLRecipe().build_learner((28, 28, 1))
    with pytest.raises(RecipeError, match="min_count"):
        ATAMLRecipe(min_count=10**6).learner_for(load_phrases("val"))
    with pytest.raises(RecipeError, match="max_words"):
        ATAMLRecipe(max_words=0)


def test_every_row_is_another_training():
    scale = EXPERIMENTS["clinc150"].scale("tiny")
    base = RECIPES["clinc150_5way_1shot"]
    rows = [recipe_of(base, c, scale, 0) for c in TRAINED.values()]
    assert len(set(rows)) == len(TRAINED) == 6
    joint = recipe_of(base, TRAINED[PRETRAINED], scale, 0)
    assert (joint.inner_steps, joint.adapts) == (0, "all")
    names = [
        cell.training.name
        for cell in EXPERIMENTS["reuters"].cells(scale)
        if cell.training
    ]
    assert len(set(names)) == 12


@pytest.mark.parametrize("shots", [1, 5])
def test_rows_without_an_inner_loop_have_rates_of_their_own(shots):
    cells = EXPERIMENTS["clinc150"].cells(EXPERIMENTS["clinc150"].scale())
    shared = RECIPES[f"clinc150_5way_{shots}shot"]
    own = []
    for cell in cells:
        if cell.labels["shots"] != shots:
            continue
        recipe = cell.training.recipe if cell.training else cell.setting
        found = recipe.inner_learning_rate, recipe.predict_steps
        if cell.labels["variant"] in (PRETRAINED, RANDOM):
            own.append(found)
        else:
            assert found == (shared.inner_learning_rate, shared.predict_steps)
    assert own == [(0.1, 100)] * 6


@pytest.mark.parametrize("name", ["clinc150", "reuters", "huffpost"])
def test_paper_scale_is_the_paper_recipe(name):
    experiment = EXPERIMENTS[name]
    scale = experiment.scale("paper").with_changes(steps=7)
    for cell in experiment.cells(scale):
        if cell.labels["variant"] != "ATAML TCN(A)":
            continue
        paper = RECIPES[f"paper_{name}_5way_{cell.labels['shots']}shot"]
        changed = {"seed": cell.seed, "keep_best": False, "steps": 7}
        assert cell.training.recipe == paper.replace(**changed)


def test_tiny_experiment_measures_and_draws(tmp_path):
    whole = EXPERIMENTS["huffpost"]
    kept = {RANDOM, "ATAML TCN(A)"}

    def cells_of(scale):
        return [c for c in whole.cells(scale) if c.labels["variant"] in kept]

    experiment = dataclasses.replace(whole, cells=cells_of)
    found = run_experiment(experiment, tmp_path, scale=whole.scale("tiny"))
    with open(tmp_path / "results.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["variant"] for row in rows} == kept
    assert all(0 <= float(row["mean"]) <= 1 for row in rows)
    assert len(found["claims"]) == 2
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == [
        "attention_1shot.png",
        "attention_5shot.png",
    ]


def test_picture_names_the_classes_and_shades_every_word(learner):
    data = load_phrases("test")
    figure = draw_attention(learner, data, num_texts=3)
    shown = [t.get_text() for t in figure.axes[0].texts]
    assert shown[0].startswith("What attention looks at after 1 text ")
    assert any(name in text for text in shown for name in data.class_names)


def test_class_names_follow_the_labels():
    data = load_phrases("test")
    from metazoo.data import EpisodeSampler

    sampler = EpisodeSampler(data, num_ways=4, num_shots=2, num_queries=1)
    task = sampler.tasks(3, 1).map(lambda part: part.numpy()[0])
    names = class_names(data, task)
    for text, label in zip(task.query_x, task.query_y, strict=True):
        row = data.images.tolist().index(text)
        assert data.class_names[data.labels[row]] == names[label]


def test_long_texts_wrap_and_are_cut():
    words = ["word"] * 400 + ["x" * 99]
    text = AttendedText(words, [1 / 401] * 401, "a class", True)
    figure = plot_attention([text], "long", max_lines=2)
    shown = [t.get_text() for t in figure.axes[0].texts]
    assert shown[1] == "a class ..."
    assert 20 < len(shown) < 100
    with pytest.raises(MetazooError, match="shares"):
        plot_attention([text._replace(shares=[1.0])], "wrong")
    with pytest.raises(MetazooError, match="empty"):
        plot_attention([], "none")
