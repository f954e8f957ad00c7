import sys
from pathlib import Path

import numpy as np
import pytest

import metazoo
from metazoo.data import load_glyphs
from metazoo.registry import MethodSpec, get_method

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import latency_subjects
from latency_subjects import inputs_of, names, subject, task


class Takes:
    """A learner of examples of some shape."""

    def __init__(self, *shape):
        self.example_shape = shape


class Wants:
    """A signature of some inputs."""

    def __init__(self, *inputs):
        self.inputs = inputs


def test_every_few_shot_method_of_the_registry_is_served():
    assert names() == [
        name
        for name in metazoo.list_methods()
        if get_method(name).contract == "episodic"
    ]


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_a_task_of_images_has_the_learners_shape(shape):
    found = task(Takes(*shape), queries=2)
    assert found["support_x"].shape == (1, 25, *shape)
    assert found["query_x"].shape == (1, 10, *shape)
    assert found["support_x"].dtype == np.float32
    assert found["support_x"].max() == 255
    np.testing.assert_array_equal(
        found["support_y"][0], np.repeat(np.arange(5), 5)
    )


def test_a_task_of_texts_has_distinct_phrases():
    found = task(Takes(), queries=1)
    assert found["support_x"].shape == (1, 25)
    assert found["query_x"].shape == (1, 5)
    texts = {*found["support_x"].ravel(), *found["query_x"].ravel()}
    assert len(texts) > 20
    assert all(text.decode("utf-8").strip() for text in texts)


def test_each_verb_gets_what_its_signature_names():
    signatures = {
        "adapt": Wants("support_x", "support_y"),
        "predict": Wants("query_x", "prototypes"),
        "adapt_predict": Wants("support_x", "support_y", "query_x"),
    }
    known = {"support_x": 1, "support_y": 2, "query_x": 3}
    found = inputs_of(signatures, known, {"prototypes": 4})
    assert found["adapt"] == {"support_x": 1, "support_y": 2}
    assert found["predict"] == {"query_x": 3, "prototypes": 4}


def test_a_preset_is_served_and_small_examples_come_first():
    found = subject("simpleshot", None)
    assert found.trained
    assert found.origin == "simpleshot_conv4_omniglot"
    assert found.example == "28x28x1"


def test_the_preset_nearest_to_five_shots_is_taken(monkeypatch):
    monkeypatch.setattr(latency_subjects, "from_preset", lambda name: name)
    assert subject("maml", None).origin == "maml_conv4_omniglot_5way_5shot"


def test_without_a_preset_the_first_recipe_is_served_untrained(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(MethodSpec, "presets_path", lambda self: tmp_path)
    first, recipe = next(iter(get_method("maml").load_recipes().items()))
    data = load_glyphs("train", num_alphabets=1, num_characters=6)
    monkeypatch.setattr(type(recipe), "load_dataset", lambda *_: data)
    found = subject("maml", None)
    assert (found.origin, found.trained) == (first, False)
    assert found.learner.num_ways == 5
