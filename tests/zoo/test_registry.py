"""The registry: names, duplicates, discovery, near matches."""

from __future__ import annotations

import dataclasses
import sys
import types

import pytest

from metazoo import registry
from metazoo.errors import MetazooError
from metazoo.registry import MethodSpec, Paper

PAPER = Paper("A title", "A. Author", "A venue", 2020, "https://example.org")


def make_spec(name="toy_method", **changes):
    fields = {
        "name": name,
        "title": "Toy",
        "contract": "episodic",
        "model": "toy_module:ToyLearner",
        "recipes": "toy_module:RECIPES",
        "paper": PAPER,
        "doc": "A toy.",
    }
    return MethodSpec(**{**fields, **changes})


@pytest.fixture
def toy():
    spec = registry.register(make_spec())
    yield spec
    if spec.name in registry.methods():
        registry.unregister(spec.name)


def test_register_then_get_returns_spec(toy):
    assert registry.get_method("toy_method") is toy
    assert "toy_method" in registry.list_methods()


def test_register_same_name_refused(toy):
    with pytest.raises(MetazooError, match="clashes with 'toy_method'"):
        registry.register(make_spec(model="other:Other"))


def test_register_same_class_name_refused(toy):
    with pytest.raises(MetazooError, match="two module names"):
        registry.register(make_spec("toy_two"))


def test_register_wrong_type_refused():
    with pytest.raises(MetazooError, match="got dict"):
        registry.register({"name": "x"})


def test_further_models_are_public_names():
    import metazoo

    spec = registry.get_method("cactus")
    assert "CACTUsProtoNet" in spec.models and "CACTUsProtoNet" in dir(metazoo)
    assert metazoo.CACTUsProtoNet is spec.load_class("CACTUsProtoNet")
    with pytest.raises(MetazooError, match="no model 'Nobody'"):
        spec.load_class("Nobody")


@pytest.mark.parametrize(
    "name", ["", "Proto", "1st", "a-b", "a__b", "a.b", "trainers", "../up"]
)
def test_spec_bad_name_refused(name):
    with pytest.raises(MetazooError, match="name: got"):
        make_spec(name)


@pytest.mark.parametrize(
    "change",
    [
        {"contract": "magic"},
        {"model": "no_colon"},
        {"recipes": "module:not-an-attribute"},
        {"other_models": ("module:Good", "bad")},
    ],
)
def test_spec_bad_field_names_it(change):
    with pytest.raises(MetazooError, match=next(iter(change))):
        make_spec(**change)


def test_spec_is_frozen(toy):
    with pytest.raises(dataclasses.FrozenInstanceError):
        toy.name = "other"


def test_get_method_unknown_names_near_match(toy):
    with pytest.raises(MetazooError, match="did you mean toy_method"):
        registry.get_method("toy_metod")


def test_unregister_unknown_refused():
    with pytest.raises(MetazooError, match="zzz"):
        registry.unregister("zzz")


def test_load_model_and_recipes_import_lazily(toy, monkeypatch):
    module = types.ModuleType("toy_module")
    module.ToyLearner = type("ToyLearner", (), {})
    module.RECIPES = {"default": object()}
    monkeypatch.setitem(sys.modules, "toy_module", module)
    assert toy.load_model_class() is module.ToyLearner
    assert toy.load_recipes() is module.RECIPES
    del module.RECIPES
    module.ToyLearner = 3
    with pytest.raises(MetazooError, match="has no 'RECIPES'"):
        toy.load_recipes()
    with pytest.raises(MetazooError, match="not a class"):
        toy.load_model_class()


def test_discovery_finds_package_without_edit(tmp_path, monkeypatch):
    import metazoo.methods

    write_method(tmp_path, "method_seventeen", "method_seventeen")
    monkeypatch.setattr(
        metazoo.methods, "__path__", [*metazoo.methods.__path__, str(tmp_path)]
    )
    monkeypatch.setattr(registry, "_discovered", False)
    monkeypatch.setattr(registry, "_specs", {})
    forget_methods(monkeypatch)
    assert "method_seventeen" in registry.methods()
    assert registry.get_method("method_seventeen").presets_path() == (
        tmp_path / "method_seventeen" / "presets"
    )


def test_discovery_package_that_registers_nothing_refused(
    tmp_path, monkeypatch
):
    import metazoo.methods

    (tmp_path / "silent_method").mkdir()
    (tmp_path / "silent_method" / "__init__.py").write_text("")
    monkeypatch.setattr(metazoo.methods, "__path__", [str(tmp_path)])
    monkeypatch.setattr(registry, "_discovered", False)
    with pytest.raises(MetazooError, match="silent_method"):
        registry.methods()
    assert registry._discovered is False


def test_plug_in_is_registered_and_broken_one_warned(monkeypatch):
    import importlib.metadata

    monkeypatch.setattr(registry, "_specs", dict(registry.methods()))
    spec = make_spec("plugged_in", model="plug:PlugLearner")

    class Entry:
        dist = None
        value = "plug:SPEC"

        def __init__(self, name, result):
            self.name, self.result = name, result

        def load(self):
            if isinstance(self.result, Exception):
                raise self.result
            return self.result

    entries = [Entry("plugged_in", spec), Entry("bad", ImportError("gone"))]
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: entries
    )
    with pytest.warns(RuntimeWarning, match="'bad'.*gone"):
        registry._load_plug_ins()
    assert registry.get_method("plugged_in") is spec


def write_method(folder, name, registered):
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(
        "from metazoo.registry import MethodSpec, Paper, register\n"
        f"register(MethodSpec({registered!r}, 'T', 'episodic',\n"
        f"    'metazoo.methods.{name}.m:ClassOf{name}',\n"
        f"    'metazoo.methods.{name}.m:R',\n"
        "    Paper('t', 'a', 'v', 2020, 'https://example.org'), 'doc'))\n"
    )


def forget_methods(monkeypatch):
    for module in list(sys.modules):
        if module.startswith("metazoo.methods."):
            monkeypatch.delitem(sys.modules, module)
