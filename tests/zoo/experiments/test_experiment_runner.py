"""Experiments: cells measured once, models trained once, rows written."""

from __future__ import annotations

import csv
import dataclasses
import json
import math

import pytest

import metazoo
from metazoo.experiments import (
    Cell,
    Experiment,
    Measurement,
    Picture,
    Scale,
    Training,
    run_experiment,
)
from metazoo.registry import get_method

CALLS = []


def values_of(bench, learner):
    """Three episodes' worth of made-up numbers."""
    CALLS.append("measured")
    return [Measurement("score", 0.5, 0.1, 3, "none", "test", "0" * 64)]


def untrained_cells(scale):
    """Two labels for each seed, without a model."""
    return [
        Cell({"mode": mode}, seed, values_of)
        for mode in ("a", "b")
        for seed in scale.seeds
    ]


@pytest.fixture
def experiment():
    CALLS.clear()
    return Experiment(
        "a claim", untrained_cells, {"small": Scale(seeds=(0, 1), episodes=3)}
    )


def test_rows_and_summary_are_written(experiment, tmp_path):
    found = run_experiment(experiment, tmp_path, names={"method": "none"})
    assert found == json.loads((tmp_path / "results.json").read_text())
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["method"], r["mode"], r["seed"]) for r in rows] == [
        ("none", "a", "0"),
        ("none", "a", "1"),
        ("none", "b", "0"),
        ("none", "b", "1"),
    ]
    assert rows[0]["tensorflow"] and rows[0]["cpu"]
    first = found["summary"][0]
    assert (first["mode"], first["metric"], first["seeds"]) == ("a", "score", 2)
    assert first["ci95"] == pytest.approx(0.1 / math.sqrt(2))
    assert first["seeds_ci95"] == 0
    assert found["claims"] == []
    assert found["changes"] == {}
    assert first["episodes"] == 6


def test_killed_run_measures_only_what_is_missing(experiment, tmp_path):
    def dies_at_third(bench, learner):
        if len(CALLS) == 2:
            raise KeyboardInterrupt
        return values_of(bench, learner)

    def dying_cells(scale):
        return [
            Cell(c.labels, c.seed, dies_at_third)
            for c in untrained_cells(scale)
        ]

    dying = Experiment("a claim", dying_cells, experiment.scales)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(dying, tmp_path)
    assert len(json.loads((tmp_path / "results.json").read_text())["rows"]) == 2
    found = run_experiment(experiment, tmp_path)
    assert len(found["rows"]) == 4
    assert len(CALLS) == 4


def test_cell_of_another_setting_is_refused(experiment, tmp_path):
    run_experiment(experiment, tmp_path)
    other = experiment.scale(episodes=7)
    with pytest.raises(metazoo.MetazooError, match="episodes"):
        run_experiment(experiment, tmp_path, scale=other)


def test_untrained_cell_of_another_recipe_is_refused(tmp_path):
    recipe = get_method("protonet").load_recipes()["omniglot"].tiny()
    scales = {"small": Scale(seeds=(0,), episodes=3)}

    def of(recipe):
        cell = Cell({"mode": "a"}, 0, values_of, setting=recipe)
        return Experiment("a claim", lambda scale: [cell], scales)

    run_experiment(of(recipe), tmp_path)
    with pytest.raises(metazoo.MetazooError, match="recipe"):
        run_experiment(of(recipe.replace(num_ways=3)), tmp_path)


def test_cell_with_two_recipes_is_refused():
    recipe = get_method("protonet").load_recipes()["omniglot"].tiny()
    training = Training("small", recipe)
    with pytest.raises(metazoo.MetazooError, match="setting"):
        Cell({"mode": "a"}, 0, values_of, training, setting=recipe)


def test_cells_of_one_key_are_refused(tmp_path):
    twice = Experiment(
        "a claim",
        lambda scale: untrained_cells(scale) * 2,
        {"small": Scale(seeds=(0,))},
    )
    with pytest.raises(metazoo.MetazooError, match="twice"):
        run_experiment(twice, tmp_path)


def test_model_is_trained_once_and_shared(tmp_path):
    recipe = get_method("protonet").load_recipes()["omniglot"].tiny()
    recipe = recipe.replace(steps=2)
    seen = []

    def measure(bench, learner):
        seen.append(learner)
        data = bench.dataset("glyphs", "test", num_alphabets=1)
        assert bench.dataset("glyphs", "test", num_alphabets=1) is data
        return [Measurement.of("accuracy", [0.0, 1.0], data)]

    def cells(scale):
        training = Training("proto", recipe.replace(**scale.changes))
        return [Cell({"cell": n}, 0, measure, training) for n in (1, 2)]

    experiment = Experiment("a claim", cells, {"small": Scale(seeds=(0,))})
    found = run_experiment(experiment, tmp_path)
    assert seen[0] is seen[1]
    assert isinstance(seen[0], metazoo.ProtoNet)
    assert found["rows"][0]["steps"] == 2
    assert found["rows"][0]["mean"] == 0.5
    assert len(found["rows"][0]["fingerprint"]) == 64
    written = (tmp_path / "models" / "proto" / "log.csv").stat().st_mtime_ns
    for path in (tmp_path / "cells").iterdir():
        path.unlink()
    run_experiment(experiment, tmp_path)
    log = tmp_path / "models" / "proto" / "log.csv"
    assert log.stat().st_mtime_ns == written
    changed = experiment.scale().with_changes(filters=4)
    for path in (tmp_path / "cells").iterdir():
        path.unlink()
    with pytest.raises(metazoo.MetazooError, match="filters"):
        run_experiment(experiment, tmp_path, scale=changed)


def test_bad_declarations_are_refused():
    with pytest.raises(metazoo.MetazooError, match="seeds"):
        Scale(seeds=(1, 1))
    with pytest.raises(metazoo.MetazooError, match="episodes"):
        Scale(episodes=1)
    with pytest.raises(metazoo.MetazooError, match="training"):
        Training("../up", None)
    with pytest.raises(metazoo.MetazooError, match="seed"):
        Cell({"seed": 3}, 0, values_of)
    with pytest.raises(metazoo.MetazooError, match="scale"):
        Experiment("", untrained_cells, {"a": Scale()}).scale("b")


def test_picture_is_drawn_once_after_the_cells(experiment, tmp_path):
    drawn = []

    def draw(bench, learner):
        drawn.append((len(CALLS), learner))
        from metazoo.plots.style import new_figure

        return new_figure(1, 1)

    experiment = dataclasses.replace(
        experiment, pictures=lambda scale: [Picture("seen", "what", draw)]
    )
    for _ in range(2):
        found = run_experiment(experiment, tmp_path)
    assert drawn == [(4, None)]
    assert found["pictures"] == {"seen": "what"}
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")


def test_picture_that_is_no_file_name_is_refused():
    with pytest.raises(metazoo.MetazooError, match="name of a picture"):
        Picture("a/b", "what", values_of)
