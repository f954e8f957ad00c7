"""list, info and fetch."""

import json
from pathlib import Path

from metazoo.registry import list_methods


def test_list_json_has_what_scripts_rely_on(run_json, preset, preset_folder):
    (row,) = run_json("list")
    assert row["method"] == "protonet"
    assert row["preset"] == preset
    assert row["dataset"] == "glyphs"
    files = Path(preset_folder).iterdir()
    assert row["size_bytes"] == sum(file.stat().st_size for file in files)


def test_list_filters_by_method_and_pattern(run_json, preset):
    assert run_json("list", "--method", "maml") == []
    assert run_json("list", "--pattern", "*omniglot*") == []
    assert len(run_json("list", "--pattern", "*tiny*")) == 1


def test_list_prints_a_table(run, preset):
    code, out, err = run("list")
    header, row = out.splitlines()
    assert (code, err) == (0, "")
    assert header.split()[:3] == ["PRESET", "METHOD", "DATASET"]
    assert row.split()[:3] == [preset, "protonet", "glyphs"]
    assert "not evaluated" in row


def test_list_of_an_unknown_method_names_the_nearest(run, preset):
    code, out, err = run("list", "--method", "protonets")
    assert (code, out) == (1, "")
    assert "did you mean protonet?" in err


def test_list_methods_names_every_method(run, run_json):
    rows = run_json("list", "--methods")
    assert [row["method"] for row in rows] == list_methods()
    _, out, _ = run("list", "--methods")
    assert len(out.splitlines()) == 1 + len(rows)


def test_info_of_a_preset_is_its_card(run, run_json, preset, preset_folder):
    _, out, _ = run("info", preset)
    card = Path(preset_folder, "README.md").read_text().rstrip()
    assert out.startswith(card)
    assert preset_folder in out
    found = run_json("info", preset)
    metadata = json.loads(Path(preset_folder, "metadata.json").read_text())
    assert found["parameter_count"] == metadata["parameter_count"]
    assert found["directory"] == preset_folder


def test_info_of_a_method_lists_recipes_and_presets(run, run_json, preset):
    found = run_json("info", "protonet")
    assert found["paper"]["year"] == 2017
    assert "glyphs" in found["recipes"]
    assert [row["preset"] for row in found["presets"]] == [preset]
    _, out, _ = run("info", "protonet")
    assert preset in out


def test_info_of_an_unknown_name_fails(run, preset):
    code, out, err = run("info", "protonet_tiny_glyph")
    assert (code, out) == (1, "")
    assert f"did you mean {preset}?" in err


def test_fetch_prints_the_folder(run, run_json, preset, preset_folder):
    assert run("fetch", preset) == (0, f"{preset_folder}\n", "")
    found = run_json("fetch", preset_folder)
    assert found["directory"] == preset_folder
    assert found["preset"] == preset
    assert found["revision"] == 1


def test_fetch_of_a_bare_web_address_names_the_missing_hash(run):
    code, out, err = run("fetch", "https://example.org/p/metadata.json")
    assert (code, out) == (1, "")
    assert "#sha256=" in err
