"""Which presets the page takes, their exports in the cache, and refusals."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace

import keras
import pytest

import metazoo
from metazoo.errors import ServingError
from metazoo.layers import conv4
from metazoo.presets.listing import list_presets
from metazoo.serving.demo import exports, models
from metazoo.serving.demo.exports import CachedExport
from metazoo.serving.demo.models import DemoModel, check_model, demo_models
from metazoo.serving.info import read_info
from metazoo.serving.signatures import INFO_FILE


@pytest.fixture(scope="module")
def tiny_preset(tmp_path_factory):
    keras.utils.set_random_seed(0)
    learner = metazoo.ProtoNet(conv4((28, 28, 1), filters=4))
    folder = tmp_path_factory.mktemp("presets") / "protonet_tiny_glyphs"
    learner.save_to_preset(folder, dataset="glyphs")
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METAZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def info(preset, shots, shipped, tmp_path, ways=5, dtype="string"):
    (known, *_) = list_presets("protonet")
    episode = {"num_shots": shots, "num_ways": ways}
    metadata = replace(
        known.metadata,
        episode=episode,
        input_spec={"shape": [], "dtype": dtype},
    )
    return replace(
        known,
        preset=preset,
        metadata=metadata,
        directory=tmp_path if shipped else None,
    )


def test_shipped_preset_is_the_model_of_characters():
    first = demo_models()[0]
    assert (first.name, first.preset) == (
        "characters",
        "protonet_conv4_omniglot",
    )


def test_registry_says_which_preset_is_for_texts(monkeypatch, tmp_path):
    found = [
        info("images", 20, True, tmp_path, ways=20, dtype="float32"),
        info("ataml_b", 1, True, tmp_path),
        info("ataml_c", 5, True, tmp_path),
        info("ataml_a", 9, False, tmp_path),
    ]
    monkeypatch.setattr(models, "list_presets", lambda: found)
    assert demo_models()[1] == DemoModel("texts", "ataml_c", "--demo-texts")
    found.append(info("ataml_d", [1, 5], True, tmp_path, ways=10))
    assert models.text_preset() == "ataml_d"
    del found[1:3], found[-1]
    assert models.text_preset() == "ataml_a"
    del found[1:]
    assert [model.name for model in demo_models()] == ["characters"]


def test_options_choose_other_presets():
    chosen = demo_models("mine", "my_texts")
    assert [model.preset for model in chosen] == ["mine", "my_texts"]


def test_export_is_made_once(cache, tiny_preset, monkeypatch):
    monkeypatch.setattr(CachedExport, "_export", made_up_export)
    first = CachedExport(str(tiny_preset))
    assert first.version is None
    told = io.StringIO()
    version = first.make(told)
    assert version.is_relative_to(cache)
    assert "exporting" in told.getvalue()
    assert "exported" in told.getvalue()
    monkeypatch.setattr(CachedExport, "_export", None)
    again = CachedExport(str(tiny_preset))
    assert again.version == version
    told = io.StringIO()
    assert again.make(told) == version
    assert told.getvalue() == ""


def test_other_weights_and_other_source_are_exported_anew(
    cache, tiny_preset, tmp_path, monkeypatch
):
    folder = tmp_path / "preset"
    shutil.copytree(tiny_preset, folder)
    monkeypatch.setattr(CachedExport, "_export", made_up_export)
    first = CachedExport(str(folder))
    first.make(io.StringIO())
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["revision"] += 1
    (folder / "metadata.json").write_text(json.dumps(metadata))
    second = CachedExport(str(folder))
    assert second.version is None
    second.make(io.StringIO())
    assert not first.folder.exists()
    monkeypatch.setattr(exports, "_source", lambda: "edited")
    assert CachedExport(str(folder)).version is None


def made_up_export(self):
    version = self.folder / "1"
    version.mkdir(parents=True)
    return version


def test_failed_export_leaves_nothing_behind(cache, tmp_path):
    from metazoo.errors import MetazooError

    broken = CachedExport(str(tmp_path / "none"))
    with pytest.raises(MetazooError):
        broken.make(io.StringIO())
    assert broken.version is None


def test_terminal_sees_seconds_pass(monkeypatch, cache, tiny_preset):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def slow_export(self):
        import time

        time.sleep(0.2)
        return made_up_export(self)

    monkeypatch.setattr(exports, "_TICK_SECONDS", 0.05)
    monkeypatch.setattr(CachedExport, "_export", slow_export)
    told = Terminal()
    CachedExport(str(tiny_preset)).make(told)
    assert told.getvalue().count("\r") >= 3


def model(name):
    option = {"characters": "--demo-images", "texts": "--demo-texts"}[name]
    return DemoModel(name, "mine", option)


def test_exports_fit_their_tabs(demo_folders):
    for name, folder in demo_folders.items():
        check_model(model(name), folder / "1")


@pytest.mark.parametrize(
    ("name", "other", "match"),
    [
        ("characters", "texts", r"--demo-images: 'mine' takes string.*square"),
        ("texts", "characters", r"--demo-texts: 'mine' takes float32.*texts"),
    ],
)
def test_model_of_the_other_tab_is_refused(demo_folders, name, other, match):
    with pytest.raises(ServingError, match=match):
        check_model(model(name), demo_folders[other] / "1")


def test_colour_images_are_refused(demo_folders, tmp_path):
    info = read_info(demo_folders["characters"] / "1")
    for signature in info["signatures"]:
        if "support_x" in signature["inputs"]:
            signature["inputs"]["support_x"]["shape"][-1] = 3
    path = tmp_path / INFO_FILE
    path.parent.mkdir()
    path.write_text(json.dumps(info))
    with pytest.raises(ServingError, match=r"\[28, 28, 3\].*\[side, side, 1\]"):
        check_model(model("characters"), tmp_path)


def test_model_that_does_not_adapt_is_refused(slow_dir):
    with pytest.raises(ServingError, match="offers run; the page needs adapt"):
        check_model(model("characters"), slow_dir / "1")
