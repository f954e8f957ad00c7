import csv

import numpy as np
import pytest

from metazoo.data import load_glyphs
from metazoo.evaluation import evaluate
from metazoo.presets import from_preset

SETTING = ("--ways", "3", "--shots", "2", "--episodes", "6")


@pytest.fixture
def npz(glyphs_npz):
    """Options that choose the small data set."""
    return "--dataset", f"npz:{glyphs_npz[0]}", *SETTING


def test_evaluate_agrees_with_the_function(run_json, preset):
    found = run_json("evaluate", "--preset", preset, *SETTING)
    expected = evaluate(
        from_preset(preset),
        load_glyphs("test"),
        num_ways=3,
        num_shots=2,
        episodes=6,
    )
    assert found["accuracy"] == expected.accuracy
    assert found["ci95"] == expected.ci95
    assert found["episodes"] == 6
    assert found["preset"] == preset
    assert found["revision"] == 1
    assert 0 <= found["accuracy"] <= 1
    assert found["accuracy_percent"] == 100 * found["accuracy"]


@pytest.mark.parametrize("channels", [False, True])
def test_evaluate_takes_an_npz_of_unseen_classes(
    run_json, preset, glyphs_npz, channels, tmp_path
):
    path, data = glyphs_npz
    if channels:
        images = data.images.reshape(5, 20, 28, 28, 1)
        path = tmp_path / "channels.npz"
        np.savez(path, images=images)
    found = run_json(
        "evaluate", "--preset", preset, "--dataset", f"npz:{path}", *SETTING
    )
    expected = evaluate(
        from_preset(preset), data, num_ways=3, num_shots=2, episodes=6
    )
    assert found["accuracy"] == expected.accuracy
    assert found["split"] == "all"
    assert found["num_classes"] == 5


def test_evaluate_takes_a_folder_of_larger_images(run_json, preset, characters):
    found = run_json(
        "evaluate",
        *("--preset", preset),
        *("--dataset", f"folder:{characters / 'support'}"),
        *("--ways", "2", "--shots", "1", "--episodes", "4"),
    )
    assert found["queries"] == 2
    assert found["num_classes"] == 3


def test_evaluate_says_that_queries_are_fewer(run, preset, characters):
    code, _, err = run(
        "evaluate",
        *("--preset", preset),
        *("--dataset", f"folder:{characters / 'support'}"),
        *("--ways", "2", "--shots", "2", "--episodes", "4"),
    )
    assert code == 0
    assert "1 queries a class" in err


def test_evaluate_refuses_more_queries_than_there_are(run, preset, npz):
    code, out, err = run(
        "evaluate", "--preset", preset, *npz, "--queries", "19"
    )
    assert (code, out) == (1, "")
    assert "num_shots=2 + num_queries=19" in err


def test_evaluate_without_data_dir_names_the_option(run, preset):
    code, out, err = run(
        "evaluate", "--preset", preset, "--dataset", "omniglot"
    )
    assert (code, out) == (1, "")
    assert "--data-dir" in err


def test_evaluate_refuses_to_record_without_a_folder(run):
    code, out, err = run("evaluate", "--preset", "some_preset", "--record")
    assert (code, out) == (1, "")
    assert "'some_preset' is none" in err


def test_evaluate_refuses_a_protocol_of_other_data(run, preset):
    code, out, err = run("evaluate", "--preset", preset, "--protocol", "lake")
    assert (code, out) == (1, "")
    assert "--protocol" in err
    assert "glyphs" in err


def test_evaluate_of_an_unknown_preset_names_the_nearest(run, preset):
    code, _, err = run("evaluate", "--preset", "protonet_tiny_glyph")
    assert code == 1
    assert f"did you mean {preset}?" in err


def test_evaluate_prints_one_line_with_the_interval(run, preset_folder, npz):
    code, out, _ = run(
        "evaluate", "--preset", preset_folder, *npz, "--seeds", "1", "2"
    )
    assert code == 0
    assert out.startswith("3-way 2-shot: ")
    assert "±" in out
    assert "12 episodes" in out
    assert "seed 2:" in out


def test_evaluate_writes_table_plots_and_curve(
    run_json, preset, glyphs_npz, tmp_path
):
    pytest.importorskip("matplotlib")
    table = tmp_path / "results.csv"
    found = run_json(
        "evaluate",
        *("--preset", preset, "--dataset", f"npz:{glyphs_npz[0]}", *SETTING),
        *("--csv", table, "--plots", tmp_path / "plots"),
        *("--curve", "--curve-ways", "2", "--curve-shots", "1", "3"),
    )
    (row,) = csv.DictReader(table.open())
    assert float(row["accuracy"]) == found["accuracy"]
    assert [(p["ways"], p["shots"]) for p in found["curve"]] == [(2, 1), (2, 3)]
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {
        "confusion.png",
        "reliability.png",
        "accuracy_by_shots.png",
        "accuracy_by_ways.png",
    }
    assert len(found["plots"]) == 4
