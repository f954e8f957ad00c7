import csv
import json
import subprocess
import sys

import keras
import pytest

import metazoo
from metazoo.layers import conv4

SETTING = ("--ways", "3", "--shots", "1", "2", "--episodes", "4")


@pytest.fixture(scope="session")
def other_folder(tmp_path_factory):
    """A second preset, which tells at most three classes apart."""
    keras.utils.set_random_seed(1)
    learner = metazoo.ProtoNet(conv4((28, 28, 1), filters=4), num_ways=3)
    learner.compile()
    folder = tmp_path_factory.mktemp("other") / "protonet_other_glyphs"
    learner.save_to_preset(
        folder,
        dataset="glyphs",
        input_spec={"shape": [28, 28, 1], "dtype": "float32"},
    )
    return str(folder)


@pytest.fixture
def both(preset, other_folder, glyphs_npz):
    """Options that compare two presets on data of one's own."""
    data = ("--dataset", f"npz:{glyphs_npz[0]}")
    return "--methods", preset, other_folder, *data, *SETTING


def test_compare_agrees_with_evaluate(run_json, both, preset, glyphs_npz):
    found = run_json("compare", *both)
    assert found["systems"] == [preset, "protonet_other_glyphs"]
    assert found["reference"] == preset
    for record in found["records"][:2]:
        alone = run_json(
            "evaluate",
            *("--preset", preset, "--dataset", f"npz:{glyphs_npz[0]}"),
            *("--ways", "3", "--shots", record["shots"]),
            *("--episodes", "4", "--queries", record["queries"]),
        )
        assert record["accuracy"] == alone["accuracy"]
        assert record["fingerprint"] == alone["fingerprint"]
    assert [r["shots"] for r in found["records"]] == [1, 2, 1, 2]
    assert len({r["queries"] for r in found["records"]}) == 1
    assert len(found["differences"]) == 4


def test_compare_prints_tables_and_where_they_come_from(run, both):
    code, out, err = run("compare", *both)
    assert code == 0
    assert "3-WAY 1-SHOT  3-WAY 2-SHOT" in out
    assert "Difference from protonet_tiny_glyphs in points" in out
    assert "4 episodes of seed 0, the same for every line" in out
    assert "fingerprint" in out
    assert "0/4 protonet_tiny_glyphs-3way_1shot" in err


def test_compare_writes_whole_files_and_goes_on(run, both, tmp_path):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "out"
    code, out, _ = run("compare", *both, "--output", folder)
    assert code == 0
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("cells", "comparison.json", "comparison.csv"),
        *("comparison.md", "comparison.png"),
    }
    assert str(folder / "comparison.md") in out
    rows = list(csv.DictReader((folder / "comparison.csv").open()))
    assert len(rows) == 4
    assert {row["transductive"] for row in rows} == {"False"}
    assert len(list((folder / "cells").iterdir())) == 4
    before = json.loads((folder / "comparison.json").read_text())
    code, *_ = run(
        "compare",
        *both,
        *("--output", folder, "--reference", "protonet_other_glyphs"),
    )
    assert code == 0
    after = json.loads((folder / "comparison.json").read_text())
    assert after.pop("reference") != before.pop("reference")
    assert after == before


def test_compare_refuses_other_settings_in_one_folder(run, both, tmp_path):
    options = ("--output", tmp_path / "out", "--no-plot")
    assert run("compare", *both, *options)[0] == 0
    code, out, err = run("compare", *both, *options, "--seeds", "1")
    assert (code, out) == (1, "")
    assert "['seeds'] differ" in err


def test_compare_takes_a_folder_of_larger_images(
    run_json, other_folder, characters
):
    found = run_json(
        "compare",
        *("--methods", other_folder, "--ways", "2", "--episodes", "2"),
        *("--dataset", f"folder:{characters / 'support'}"),
    )
    assert found["records"][0]["num_classes"] == 3


def test_compare_says_what_it_leaves_out(
    run_json, preset, other_folder, glyphs_npz
):
    found = run_json(
        "compare",
        *("--methods", other_folder, preset, "--ways", "3", "4"),
        *("--dataset", f"npz:{glyphs_npz[0]}"),
        *("--episodes", "2", "--queries", "2"),
    )
    (gap,) = found["gaps"]
    assert gap["reason"] == "tells at most 3 classes apart"
    assert len(found["records"]) == 3


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("protonett",), "did you mean protonet"),
        (("maml",), "maml has no preset yet"),
        (("protonet", "--reference", "maml"), "reference: got 'maml'"),
        (("protonet", "--ways", "500"), "num_ways=500"),
        (("protonet", "--seeds", "1", "1"), "seeds must be distinct"),
        (("protonet", "--dataset", "phrases"), "no preset trained on"),
        (("protonet", "--split", "none", "--dataset", "phrases"), "none"),
    ],
)
def test_compare_refuses_what_can_not_be_compared(
    run, preset, glyphs_npz, options, match
):
    data = ("--dataset", f"npz:{glyphs_npz[0]}", "--episodes", "2")
    code, out, err = run("compare", *data, "--methods", *options)
    assert (code, out) == (1, "")
    assert match in err


def test_compare_without_a_dataset_names_the_option(run, preset):
    code, out, err = run("compare", "--methods", "protonet")
    assert (code, out) == (1, "")
    assert "--dataset" in err


def test_compare_refuses_classes_of_training(run, glyphs_npz, tmp_path):
    folder = tmp_path / "protonet_seen"
    spec = f"npz:{glyphs_npz[0]}"
    metazoo.ProtoNet(conv4((28, 28, 1), filters=4)).save_to_preset(
        folder, dataset="x", recipe={"dataset": spec, "split": "all"}
    )
    code, out, err = run(
        "compare", "--methods", folder, "--dataset", spec, *SETTING
    )
    assert (code, out) == (1, "")
    assert "was trained on 5 of the 5 classes" in err


def test_compare_lists_presets_and_methods_without_one(run_json, preset):
    rows = run_json("compare", "--list")
    (row,) = (r for r in rows if r["preset"] == preset)
    assert row["method"] == "protonet"
    assert row["trained_on"] == "glyphs"
    assert {r["method"] for r in rows} == set(metazoo.list_methods())
    (maml,) = run_json("compare", "--list", "--methods", "maml")
    assert maml["preset"] is None


def test_compare_lists_without_tensorflow():
    code = (
        "import sys; from metazoo.cli import main; main(['compare', '--list']);"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "protonet_conv4_omniglot" in done.stdout
