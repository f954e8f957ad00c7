import json

import pytest

from metazoo.presets import from_preset


def test_train_list_names_every_recipe(run, run_json):
    rows = run_json("train", "--list")
    names = {(row["method"], row["recipe"]) for row in rows}
    assert {("protonet", "glyphs"), ("protonet", "omniglot")} <= names
    assert {row["method"] for row in run_json("train", "maml", "--list")} == {
        "maml"
    }
    _, out, _ = run("train", "--list")
    assert len(out.splitlines()) == 1 + len(rows)


def test_train_writes_a_preset_that_loads(run, run_json, tmp_path, glyphs_npz):
    arguments = (
        *("train", "protonet", "--recipe", "glyphs", "--tiny"),
        *("--set", "steps=2", "filters=4", "rotations=False"),
        *("--set", f"dataset=npz:{glyphs_npz[0]}"),
        *("--output", tmp_path / "run", "--preset-name", "protonet_two_steps"),
    )
    found = run_json(*arguments)
    assert found["steps"] == 2
    learner = from_preset(found["preset_directory"])
    assert learner.preset_metadata.preset == "protonet_two_steps"
    assert learner.preset_metadata.recipe["filters"] == 4

    code, out, err = run(*arguments, "--no-resume")
    assert (code, out) == (1, "")
    assert "error: " in err


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ([], "METHOD, --recipe, --output"),
        (["protonet"], "--recipe, --output"),
        (["proto", "--recipe", "glyphs", "--output", "o"], "protonet"),
        (["protonet", "--recipe", "glyph", "--output", "o"], "glyphs"),
        (
            ["protonet", "--recipe", "glyphs", "--output", "o"]
            + ["--set", "stepz=3"],
            "stepz",
        ),
        (
            ["protonet", "--recipe", "glyphs", "--output", "o"]
            + ["--set", "steps=many"],
            "steps",
        ),
    ],
)
def test_train_names_what_is_wrong(run, arguments, match):
    code, out, err = run("train", *arguments)
    assert (code, out) == (1, "")
    assert match in err


def test_bench_times_three_verbs(run_json, run, preset):
    found = run_json("bench", "--preset", preset, "--runs", "3")
    assert set(found["timings"]) == {"adapt", "predict", "adapt_predict"}
    for timing in found["timings"].values():
        assert 0 < timing["median_ms"] <= timing["p95_ms"]
        assert timing["runs"] == 3
    assert found["hardware"]["cores"] >= 1
    _, out, _ = run("bench", "--preset", preset, "--runs", "2", "--tasks", "2")
    assert "adapt_predict" in out
    assert "cores" in out


def test_demo_json_is_one_object(run, preset, in_tmp):
    pytest.importorskip("matplotlib")
    code, out, err = run("demo", "--episodes", "10", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["preset"] == preset
    assert found["episodes"] == 10
    assert found["export"] is None
    assert (in_tmp / "metazoo_demo.png").is_file()
    assert "Adapted" in err
