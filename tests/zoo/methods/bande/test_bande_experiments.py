"""BANDE's experiments: what they would do, and one cell of each done."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import metazoo
from metazoo.data import load_glyphs
from metazoo.experiments import run_experiment
from metazoo.methods.bande.bande_experiments import EXPERIMENTS
from metazoo.methods.bande.bande_measures import best_threshold, clustered
from metazoo.methods.bande.bande_picture import draw_alphabet
from metazoo.methods.bande.bande_recipe import RECIPES
from metazoo.methods.bande.experiments.bande_settings import MODES, SCALES


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_cells_of_every_scale_are_distinct_and_ordered(name, scale):
    experiment = EXPERIMENTS[name]
    cells = experiment.cells(experiment.scale(scale))
    assert len({cell.key for cell in cells}) == len(cells)
    names = [cell.training.name for cell in cells]
    runs = [a for a, b in zip(names, [None, *names], strict=False) if a != b]
    # A model is loaded once: its cells lie together.
    assert len(runs) == len(set(runs))
    seeds = {cell.seed for cell in cells}
    assert seeds == set(experiment.scale(scale).seeds)
    for cell in cells:
        assert cell.training.recipe.seed == cell.seed


def test_superclass_compares_modes_on_the_same_recipe():
    scale = SCALES["two_cores"]
    cells = EXPERIMENTS["superclass"].cells(scale)
    recipes = {}
    for cell in cells:
        key = (cell.labels["training"], cell.labels["mode"])
        recipes[key] = cell.training.recipe
    proto = recipes["alphabets", "protonet"]
    assert proto.steps == 3000 and proto.num_subclasses == 10
    for mode in ("bande", "soft-nn"):
        other = recipes["alphabets", mode]
        changed = {
            field.name
            for field in dataclasses.fields(proto)
            if getattr(proto, field.name) != getattr(other, field.name)
        }
        assert changed == set(MODES["protonet"])
    assert recipes["characters", "bande"].num_queries == 5


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_first_cells_run(name, tmp_path):
    experiment = EXPERIMENTS[name]
    scale = experiment.scale("tiny", episodes=2)
    first = dataclasses.replace(
        experiment, cells=lambda s: experiment.cells(s)[:1]
    )
    found = run_experiment(first, tmp_path, scale=scale)
    metrics = {row["metric"] for row in found["rows"]}
    if name == "unsupervised":
        assert metrics == {"purity", "nmi", "clusters", "threshold"}
    elif name == "many-shot":
        assert {"accuracy_5_shot", "clusters_per_class_5_shot"} <= metrics
    else:
        assert "accuracy" in metrics and "clusters_per_class" in metrics
    for row in found["rows"]:
        assert np.isfinite(row["mean"])


@pytest.fixture(scope="module")
def glyphs():
    return load_glyphs("test", num_alphabets=2, num_characters=4)


@pytest.fixture(scope="module")
def learner(glyphs):
    import keras

    keras.utils.set_random_seed(0)
    # Far narrower than the distances of an untrained embedding.
    narrow = {"sigma": 1e-6, "sigma_unlabeled": 1e-6}
    recipe = RECIPES["omniglot_alphabets"].tiny().replace(**narrow)
    return recipe.build_learner(glyphs.image_shape)


def test_smaller_thresholds_give_more_clusters(learner, glyphs):
    scores = clustered(learner, glyphs, 4, [1e-9, 1e3], episodes=2, seed=0)
    assert (scores[0, :, 2] > 10).all() and (scores[0, :, 0] > 0.9).all()
    assert (scores[1, :, 2] == 1).all() and (scores[1, :, 1] == 0).all()
    assert best_threshold(learner, glyphs, 4, [1e-9, 1e3], 2) == 1e-9


def test_picture_of_an_alphabet_is_drawn(learner, glyphs, tmp_path):
    pytest.importorskip("matplotlib")
    from metazoo.plots import save_figure

    name = glyphs.class_names[0].split("/")[0]
    figure = draw_alphabet(learner, glyphs, name)
    path = save_figure(figure, tmp_path / "clusters.png", dpi=60)
    assert path.stat().st_size > 5000
    with pytest.raises(metazoo.DataError, match="alphabet"):
        draw_alphabet(learner, glyphs, "Quenya")


def test_superclass_draws_an_alphabet(tmp_path):
    experiment = EXPERIMENTS["superclass"]
    scale = experiment.scale("tiny", episodes=2)
    (picture,) = experiment.pictures(scale)
    only = dataclasses.replace(
        experiment,
        cells=lambda scale: [
            cell
            for cell in experiment.cells(scale)
            if cell.training == picture.training
        ],
    )
    found = run_experiment(only, tmp_path, scale=scale)
    assert found["pictures"] == {"clusters": picture.doc}
    assert (tmp_path / "clusters.png").stat().st_size > 10_000
