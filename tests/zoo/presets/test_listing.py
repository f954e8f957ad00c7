"""Listings come from JSON alone and say what is wrong with it."""

from __future__ import annotations

import json
import shutil

import pytest

import metazoo
from metazoo.errors import MetazooError, PresetError
from metazoo.presets import find_preset, list_presets

METRICS = [
    {"ways": 5, "shots": 1, "accuracy": 0.9812, "ci95": 0.0013},
    {"note": "no accuracy"},
]


@pytest.fixture
def shipped(fake, tiny_spec, rehash):
    rehash(fake, metrics=METRICS, description="A fake.", revision=3)
    tiny_spec.presets_dir.mkdir()
    folder = tiny_spec.presets_dir / "tiny_fake"
    return shutil.copytree(fake, folder)


def test_list_shipped_preset_gives_its_facts(shipped):
    (info,) = list_presets("tiny")
    sizes = sum(path.stat().st_size for path in shipped.iterdir())
    assert info.to_dict() == {
        "method": "tiny",
        "preset": "tiny_fake",
        "dataset": "nothing",
        "size_bytes": sizes,
        "description": "A fake.",
        "revision": 3,
        "source": "shipped",
        "parameter_count": 0,
        "accuracy": "5w1s 98.1±0.1",
        "metrics": METRICS,
    }
    json.dumps(info.to_dict())
    assert info.directory == shipped


def test_accuracy_names_the_data_sets_where_they_are_several(shipped, rehash):
    rows = [{**METRICS[0], "dataset": name} for name in ("here", "there")]
    rehash(shipped, metrics=rows)
    (info,) = list_presets("tiny")
    assert info.accuracy == "here 5w1s 98.1±0.1, there 5w1s 98.1±0.1"


def test_list_pattern_filters(shipped):
    assert [i.preset for i in list_presets(pattern="tiny_*")] == ["tiny_fake"]
    assert list_presets("tiny", pattern="other_*") == []
    assert "tiny_fake" in {info.preset for info in metazoo.list_presets()}


def test_list_unknown_method_refused(tiny_spec):
    with pytest.raises(MetazooError, match="did you mean tiny"):
        list_presets("tinny")


def test_list_method_without_presets_is_empty(tiny_spec):
    assert list_presets("tiny") == []


def test_find_unknown_preset_names_near_match(shipped):
    assert find_preset("tiny_fake").preset == "tiny_fake"
    with pytest.raises(PresetError, match="did you mean tiny_fake"):
        find_preset("tiny_fak")


def test_list_ignores_half_written_sibling(shipped):
    shipped.rename(shipped.with_name(".tiny_fake.tmp-0"))
    assert list_presets("tiny") == []


def test_list_renamed_folder_refused(shipped):
    shipped.rename(shipped.with_name("tiny_other"))
    with pytest.raises(PresetError, match="'tiny_other' says 'tiny_fake'"):
        list_presets("tiny")


def test_list_preset_of_other_method_refused(shipped, rehash):
    rehash(shipped, method="other")
    with pytest.raises(PresetError, match="of method 'other', not 'tiny'"):
        list_presets("tiny")


def remote_entry(folder, url="https://example.org/"):
    metadata = json.loads((folder / "metadata.json").read_text())
    files = {
        name: {"url": url + name, "sha256": "0" * 64, "size": 10}
        for name in (*metadata["files"], "metadata.json")
    }
    return {"files": files, "metadata": metadata}


@pytest.fixture
def remote(shipped):
    entry = remote_entry(shipped)
    shutil.rmtree(shipped)
    path = shipped.parent / "remote.json"
    path.write_text(json.dumps({"tiny_fake": entry}))
    return path, entry


def test_list_remote_preset_gives_recorded_size(remote):
    (info,) = list_presets("tiny")
    assert info.to_dict()["source"] == "remote"
    assert info.size_bytes == 40
    assert info.remote["config.json"].url == "https://example.org/config.json"


@pytest.mark.parametrize(
    "break_it",
    [
        lambda entry: entry.pop("files"),
        lambda entry: entry.pop("metadata"),
        lambda entry: entry["files"].pop("config.json"),
        lambda entry: entry["files"]["config.json"].pop("url"),
        lambda entry: entry["files"]["config.json"].pop("sha256"),
        lambda entry: entry["files"].update({"../x": {}}),
        lambda entry: entry["metadata"].update(format_version=9),
    ],
)
def test_list_malformed_remote_entry_refused(remote, break_it):
    path, entry = remote
    break_it(entry)
    path.write_text(json.dumps({"tiny_fake": entry}))
    with pytest.raises(PresetError):
        list_presets("tiny")


@pytest.mark.parametrize("text", ["[]", "{", '{"tiny_fake": 3}'])
def test_list_malformed_remote_file_refused(remote, text):
    remote[0].write_text(text)
    with pytest.raises(PresetError, match="remote.json"):
        list_presets("tiny")


def test_list_same_name_twice_refused(shipped):
    text = json.dumps({"tiny_fake": remote_entry(shipped)})
    (shipped.parent / "remote.json").write_text(text)
    with pytest.raises(PresetError, match="occurs twice"):
        list_presets("tiny")


def test_every_registered_preset_verifies_and_is_listed():
    from metazoo.presets.verify import verify_directory

    for info in list_presets():
        assert info.preset.startswith(f"{info.method}_")
        if info.directory is not None:
            assert verify_directory(info.directory).preset == info.preset
