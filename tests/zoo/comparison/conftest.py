"""Tiny presets, laid out as the package's own are."""

import keras
import pytest

import metazoo
from metazoo.data import load_glyphs, load_phrases
from metazoo.layers import conv4
from metazoo.registry import MethodSpec, get_method

GLYPHS = {
    "dataset": "glyphs",
    "recipe": {"dataset": "glyphs", "split": "train"},
    "input_spec": {"shape": [28, 28, 1], "dtype": "float32"},
}
PHRASES = {
    "dataset": "phrases",
    "recipe": {"dataset": "phrases", "split": "train"},
    "input_spec": {"shape": [], "dtype": "string"},
}


def _save(root, learner, method, name, about, shots=1):
    learner.save_to_preset(
        root / method / name,
        preset=name,
        episode={"num_shots": shots},
        **about,
    )


@pytest.fixture(scope="session")
def preset_root(tmp_path_factory):
    """One system of prototypes, one of MAML in three settings, one of texts."""
    root = tmp_path_factory.mktemp("compared")
    keras.utils.set_random_seed(0)
    backbone = conv4((28, 28, 1), filters=4)
    _save(root, metazoo.ProtoNet(backbone), "protonet", "protonet_tiny", GLYPHS)
    for ways, shots in ((3, 1), (3, 8), (5, 1)):
        recipe = get_method("maml").load_recipes()["omniglot_5way_1shot"]
        learner = recipe.tiny(num_ways=ways).build_learner((28, 28, 1))
        name = f"maml_tiny_{ways}way_{shots}shot"
        _save(root, learner, "maml", name, GLYPHS, shots)
    recipe = next(iter(get_method("ataml").load_recipes().values()))
    data = load_phrases("train", num_classes=6, num_examples=10)
    learner = recipe.tiny(num_ways=3).learner_for(data)
    _save(root, learner, "ataml", "ataml_tiny", PHRASES)
    return root


@pytest.fixture
def presets(preset_root, monkeypatch):
    """Makes the tiny presets the only registered ones."""
    monkeypatch.setattr(
        MethodSpec, "presets_path", lambda self: preset_root / self.name
    )


@pytest.fixture(scope="session")
def drawings():
    return load_glyphs("test", num_alphabets=2, num_characters=6)


@pytest.fixture(scope="session")
def phrases():
    return load_phrases("test", num_classes=6, num_examples=12)
