"""A config that names anything but known layers is refused unloaded."""

from __future__ import annotations

import copy
import sys

import keras
import pytest

from metazoo.errors import PresetError
from metazoo.presets.safety import check_config
from metazoo.presets.saver import learner_config


@pytest.fixture
def config(tiny):
    return learner_config(tiny.make_learner())


def put(config, node):
    """Hides a foreign object deep in an otherwise good config."""
    config = copy.deepcopy(config)
    config["config"]["backbone"]["config"]["layers"][1]["config"][
        "kernel_initializer"
    ] = node
    return config


def test_check_good_config_passes(config):
    check_config(config)


def test_check_every_common_layer_passes(tiny):
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(
        4, 3, kernel_regularizer="l2", kernel_constraint="max_norm"
    )(x)
    x = layers.BatchNormalization()(x)
    x = layers.LeakyReLU()(keras.ops.relu(x))
    x = layers.GlobalAveragePooling2D(dtype="mixed_float16")(x[..., :2])
    backbone = keras.Sequential([keras.Model(inputs, x), layers.Dense(2)])
    learner = tiny.TinyLearner(backbone)
    check_config(learner_config(learner))


@pytest.mark.parametrize(
    ("module", "class_name"),
    [
        ("os", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "function"),
        ("keras.layers", "Lambda"),
        ("keras", "Lambda"),
        ("keras.layers", "TFSMLayer"),
        ("keras.layers", "TorchModuleWrapper"),
        ("keras.layers", "JaxLayer"),
        ("keras.layers", "StringLookup"),
        ("keras.layers", "TextVectorization"),
        ("keras.src.layers.core.lambda_layer", "Lambda"),
        ("keras.utils", "get_file"),
        ("keras.saving", "load_model"),
        ("keras.models", "load_model"),
        ("keras.src.ops.numpy", "backend"),
        ("keras.src.layers", "NoSuchLayer"),
        ("keras.src.models.no_such_module", "Model"),
        ("keras.callbacks", "LambdaCallback"),
        ("metazoo.registry", "register"),
        ("metazoo.cli.__main__", "main"),
        ("metazoo.no_such_module", "X"),
        ("tensorflow", "py_function"),
        (None, "Dense"),
        ("keras.layers", None),
        ("keras.layers", "__lambda__"),
        (None, "__lambda__"),
        (None, "__typespec__"),
        ("keras.layers", ["Dense"]),
    ],
)
@pytest.mark.parametrize("registered", [None, "function", "Lambda"])
def test_check_foreign_object_refused(config, module, class_name, registered):
    node = {
        "module": module,
        "class_name": class_name,
        "config": {},
        "registered_name": registered,
    }
    with pytest.raises(PresetError, match="nothing was loaded") as caught:
        check_config(put(config, node))
    assert "kernel_initializer" in str(caught.value)


def test_check_foreign_module_is_not_imported(config, tmp_path, monkeypatch):
    (tmp_path / "evil_module.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(tmp_path)
    node = {"module": "evil_module", "class_name": "Evil", "config": {}}
    with pytest.raises(PresetError, match="evil_module"):
        check_config(put(config, node))
    assert "evil_module" not in sys.modules


@pytest.fixture
def foreign_layer():
    name = "elsewhere>ForeignLayer"

    @keras.saving.register_keras_serializable("elsewhere")
    class ForeignLayer(keras.layers.Layer):
        pass

    ForeignLayer.__module__ = "elsewhere.layers"
    yield {
        "module": "elsewhere.layers",
        "class_name": "ForeignLayer",
        "config": {},
        "registered_name": name,
    }
    del keras.saving.get_custom_objects()[name]


def test_check_registered_elsewhere_refused_unless_trusted(
    config, foreign_layer
):
    changed = put(config, foreign_layer)
    with pytest.raises(PresetError, match="trusted_packages"):
        check_config(changed)
    check_config(changed, trusted_packages=("elsewhere",))


def test_check_registered_name_behind_keras_name_refused(config, foreign_layer):
    disguised = {
        **foreign_layer,
        "module": "keras.layers",
        "class_name": "Dense",
    }
    with pytest.raises(PresetError, match="trusted_packages"):
        check_config(put(config, disguised))
    with pytest.raises(PresetError, match="the registered class is"):
        check_config(put(config, disguised), trusted_packages=("elsewhere",))


def test_check_foreign_name_as_text_refused(config, foreign_layer):
    changed = put(config, foreign_layer["registered_name"])
    with pytest.raises(PresetError, match="names 'elsewhere>ForeignLayer'"):
        check_config(changed)
    check_config(changed, trusted_packages=("elsewhere",))


@pytest.mark.parametrize("registered", [["x"], 3, {"a": 1}])
def test_check_registered_name_of_other_type_refused(config, registered):
    node = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {},
        "registered_name": registered,
    }
    with pytest.raises(PresetError, match="registered_name must be text"):
        check_config(put(config, node))


def test_check_subclass_of_lambda_refused(config):
    name = "tiny_tests>Sly"

    @keras.saving.register_keras_serializable("tiny_tests")
    class Sly(keras.layers.Lambda):
        pass

    Sly.__module__ = "tiny_method"
    node = {
        "module": "tiny_method",
        "class_name": "Sly",
        "config": {},
        "registered_name": name,
    }
    try:
        with pytest.raises(PresetError, match="foreign code"):
            check_config(put(config, node))
    finally:
        del keras.saving.get_custom_objects()[name]


def test_check_compile_config_refused(config):
    config["config"]["backbone"]["compile_config"] = {"optimizer": "adam"}
    with pytest.raises(PresetError, match="compile_config"):
        check_config(config)


@pytest.mark.parametrize("found", [None, [], "x", {}, {"config": {}}])
def test_check_no_object_refused(found):
    with pytest.raises(PresetError, match="not the config"):
        check_config(found)


def test_check_deep_nesting_refused(config):
    node = {}
    for _ in range(100_000):
        node = {"a": node}
    config["config"]["deep"] = node
    with pytest.raises(PresetError, match="nested too deeply"):
        check_config(config)
    while node:
        node = node.pop("a")
