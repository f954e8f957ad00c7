"""Saving and loading a learner, and what a loader must refuse."""

from __future__ import annotations

import json
import sys

import keras
import numpy as np
import pytest

from metazoo import registry
from metazoo.errors import PresetError
from metazoo.presets import PresetMetadata, from_preset, save_to_preset

METADATA = {
    "dataset": "nothing",
    "description": "A test.",
    "recipe": {"inner_steps": 5},
    "metrics": [{"ways": 5, "shots": 1, "accuracy": 0.5, "ci95": 0.01}],
}


@pytest.fixture
def saved(tiny, tmp_path):
    learner = tiny.make_learner()
    randomize(learner)
    folder = save_to_preset(learner, tmp_path / "tiny_dense", METADATA)
    return learner, folder


def randomize(learner):
    generator = np.random.default_rng(0)
    for weight in learner.weights:
        weight.assign(generator.uniform(0.5, 1.5, weight.shape))


def test_round_trip_keeps_weights_outputs_and_metadata(saved):
    learner, folder = saved
    loaded = from_preset(folder)
    assert type(loaded) is type(learner)
    for ours, theirs in zip(learner.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    x = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(learner(x), loaded(x))
    metadata = loaded.preset_metadata
    assert isinstance(metadata, PresetMetadata)
    assert metadata.preset == "tiny_dense"
    assert metadata.method == "tiny"
    assert metadata.recipe == {"inner_steps": 5}
    assert metadata.parameter_count == learner.count_params()
    assert set(metadata.versions) == {
        "metazoo",
        "keras",
        "tensorflow",
        "numpy",
        "python",
    }


def test_saved_folder_holds_the_four_files(saved):
    names = {path.name for path in saved[1].iterdir()}
    assert names == {
        "config.json",
        "model.weights.h5",
        "metadata.json",
        "README.md",
    }


def test_load_without_weights_gives_fresh_ones(saved):
    learner, folder = saved
    fresh = from_preset(folder, load_weights=False)
    assert not np.array_equal(fresh.weights[0], learner.weights[0])


def test_loaded_learner_saves_again_alike(saved, tmp_path):
    _, folder = saved
    loaded = from_preset(folder)
    again = save_to_preset(loaded, tmp_path / "again", loaded.preset_metadata)
    for name in ("config.json", "metadata.json", "README.md"):
        ours, theirs = (path / name for path in (folder, again))
        if name != "metadata.json":
            assert ours.read_bytes() == theirs.read_bytes()
    assert from_preset(again).preset_metadata.preset == "tiny_dense"


def test_compiled_learner_saves_without_optimizer(tiny, tmp_path):
    learner = tiny.make_learner()
    learner.compile(optimizer="adam", loss="mse")
    learner.backbone.compile(optimizer="sgd", loss="mse")
    folder = save_to_preset(learner, tmp_path / "tiny_x", METADATA)
    assert "compile_config" not in (folder / "config.json").read_text()
    assert not from_preset(folder).compiled


def test_save_over_existing_needs_overwrite(saved):
    learner, folder = saved
    before = (folder / "metadata.json").read_bytes()
    with pytest.raises(PresetError, match="overwrite=True"):
        save_to_preset(learner, folder, METADATA)
    assert (folder / "metadata.json").read_bytes() == before
    changed = {**METADATA, "revision": 2}
    save_to_preset(learner, folder, changed, overwrite=True)
    assert from_preset(folder).preset_metadata.revision == 2
    assert [path.name for path in folder.parent.glob(".*")] == []


def test_save_that_fails_leaves_the_old_and_no_rest(saved, monkeypatch):
    learner, folder = saved

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(type(learner), "save_weights", fail)
    with pytest.raises(OSError, match="disk full"):
        save_to_preset(learner, folder, METADATA, overwrite=True)
    monkeypatch.undo()
    from_preset(folder)
    assert [path.name for path in folder.parent.glob(".*")] == []


def test_save_foreign_class_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(PresetError, match="not the model of a registered"):
        save_to_preset(model, tmp_path / "x", METADATA)


def test_save_unbuilt_refused(tiny, tmp_path):
    learner = tiny.TinyLearner(tiny.make_backbone())
    with pytest.raises(PresetError, match="not built"):
        save_to_preset(learner, tmp_path / "x", METADATA)


def test_save_lambda_refused(tiny, tmp_path):
    inputs = keras.Input((4,))
    outputs = keras.layers.Lambda(lambda x: x + 1)(inputs)
    backbone = keras.Model(inputs, keras.layers.Dense(2)(outputs))
    learner = tiny.make_learner(backbone)
    with pytest.raises(PresetError, match="Lambda"):
        save_to_preset(learner, tmp_path / "x", METADATA)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": None}, "dataset"),
        ({"surprise": 1}, "surprise"),
        ({"recipe": {"x": object()}}, "JSON"),
        ({"recipe": {"x": float("nan")}}, "JSON"),
        ({"method": "other"}, "method"),
    ],
)
def test_save_bad_metadata_refused(saved, tmp_path, change, message):
    with pytest.raises(PresetError, match=message):
        save_to_preset(saved[0], tmp_path / "x", {**METADATA, **change})
    assert not (tmp_path / "x").exists()


def edit_config(folder, rehash, change):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    rehash(folder)


def test_load_forged_lambda_refused(saved, rehash):
    marker = "config.backbone.config.layers"

    def add_lambda(config):
        layers = config["config"]["backbone"]["config"]["layers"]
        layers[1]["class_name"] = "Lambda"
        layers[1]["config"] = {
            "function": {"class_name": "__lambda__", "config": {"value": ""}}
        }

    edit_config(saved[1], rehash, add_lambda)
    with pytest.raises(PresetError, match=marker):
        from_preset(saved[1])


def test_load_forged_module_refused_unimported(
    saved, rehash, tmp_path, monkeypatch
):
    (tmp_path / "evil_code.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(tmp_path)

    def name_module(config):
        config["module"] = "evil_code"

    edit_config(saved[1], rehash, name_module)
    with pytest.raises(PresetError, match="evil_code"):
        from_preset(saved[1])
    assert "evil_code" not in sys.modules


def test_load_other_class_in_config_refused_by_name(saved, rehash):
    def swap(config):
        backbone = config["config"]["backbone"]
        config.clear()
        config.update(backbone)

    edit_config(saved[1], rehash, swap)
    with pytest.raises(PresetError, match="'Functional', expected 'Tiny"):
        from_preset(saved[1])


def test_load_other_class_in_metadata_refused_by_name(saved, rehash):
    rehash(saved[1], class_name="MAML")
    with pytest.raises(PresetError, match="MAML.*is TinyLearner"):
        from_preset(saved[1])


def test_load_unknown_method_refused_by_name(saved, rehash):
    rehash(saved[1], method="tinny")
    with pytest.raises(PresetError, match="did you mean tiny"):
        from_preset(saved[1])


def test_load_newer_format_refused(saved, rehash):
    rehash(saved[1], format_version=7)
    with pytest.raises(PresetError, match="format_version 7 is newer"):
        from_preset(saved[1])


def test_load_external_link_in_weights_refused(saved, rehash):
    import h5py

    with h5py.File(saved[1] / "model.weights.h5", "a") as file:
        file["layers/x"] = h5py.ExternalLink("/etc/passwd", "/")
    rehash(saved[1])
    with pytest.raises(PresetError, match="ExternalLink"):
        from_preset(saved[1])


def test_load_weights_of_other_shape_refused(saved, tiny, rehash):
    inputs = keras.Input((4,))
    other = keras.Model(inputs, keras.layers.Dense(7)(inputs))
    (saved[1] / "model.weights.h5").unlink()
    tiny.make_learner(other).save_weights(saved[1] / "model.weights.h5")
    rehash(saved[1])
    with pytest.raises(PresetError, match="model.weights.h5 does not fit"):
        from_preset(saved[1])


@pytest.mark.parametrize(
    "group", ["dense", "dense/vars/0", "batch_normalization/vars"]
)
def test_load_weights_missing_in_file_refused(saved, rehash, group):
    import h5py

    with h5py.File(saved[1] / "model.weights.h5", "a") as file:
        found = []
        file.visit(lambda name: found.append(name))
        wanted = [name for name in found if name.endswith(group)]
        assert wanted
        del file[wanted[0]]
    rehash(saved[1])
    with pytest.raises(PresetError, match="model.weights.h5 does not fit"):
        from_preset(saved[1])


def test_load_wrong_parameter_count_refused(saved, rehash):
    rehash(saved[1], parameter_count=3)
    with pytest.raises(PresetError, match="expected 3"):
        from_preset(saved[1])


def test_load_config_that_makes_nothing_refused(saved, rehash):
    def break_units(config):
        layers = config["config"]["backbone"]["config"]["layers"]
        layers[1]["config"]["units"] = -3

    edit_config(saved[1], rehash, break_units)
    with pytest.raises(PresetError, match="makes no TinyLearner"):
        from_preset(saved[1])


@pytest.mark.parametrize("text", ["[]", "3", "{}", '"x"', "not json"])
def test_load_config_of_other_kind_refused(saved, rehash, text):
    (saved[1] / "config.json").write_text(text)
    rehash(saved[1])
    with pytest.raises(PresetError, match="config.json"):
        from_preset(saved[1])


def test_load_over_http_gives_same_weights(saved, web):
    learner, folder = saved
    web.folder = folder
    loaded = from_preset(web.handle_for())
    np.testing.assert_array_equal(loaded.weights[0], learner.weights[0])


def test_protonet_round_trip(tmp_path):
    if "protonet" not in registry.methods():
        pytest.fail("the registry has no protonet")
    import metazoo

    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    backbone = keras.Model(inputs, keras.layers.Flatten()(x))
    backbone = keras.Model(inputs, keras.layers.Dense(3)(backbone.output))
    learner = metazoo.ProtoNet(backbone)
    folder = save_to_preset(learner, tmp_path / "protonet_x", METADATA)
    loaded = metazoo.from_preset(folder)
    assert type(loaded) is metazoo.ProtoNet
    np.testing.assert_array_equal(loaded.weights[0], learner.weights[0])
