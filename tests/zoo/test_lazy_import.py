"""The package root imports nothing heavy and finds every public name."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

import metazoo

PROBE = """
import json, sys, time
start = time.process_time()
import metazoo
presets = metazoo.list_presets()
methods = metazoo.list_methods()
seconds = time.process_time() - start
heavy = [m for m in ("tensorflow", "keras", "numpy", "h5py")
         if m in sys.modules]
print(json.dumps({"seconds": seconds, "heavy": heavy, "methods": methods}))
"""


def test_import_and_listing_are_fast_and_need_no_tensorflow():
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", PROBE],
                capture_output=True,
                check=True,
                text=True,
            ).stdout
        )
        for _ in range(2)
    ]
    assert runs[0]["heavy"] == []
    assert min(run["seconds"] for run in runs) < 0.3


def test_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert metazoo.__version__ == version("metazoo")


def test_dir_lists_public_names_and_model_classes():
    from metazoo.registry import methods

    names = dir(metazoo)
    assert set(metazoo.__all__) <= set(names)
    assert {spec.class_name for spec in methods().values()} <= set(names)


def test_every_public_name_resolves():
    for name in metazoo.__all__:
        assert getattr(metazoo, name) is not None, name


PACKAGES = (
    "data",
    "evaluation",
    "experiments",
    "plots",
    "presets",
    "serving",
    "trainers",
)


@pytest.mark.parametrize("name", PACKAGES)
def test_lazy_packages_find_their_names_alone(name):
    package = importlib.import_module(f"metazoo.{name}")
    for public in package.__all__:
        assert getattr(package, public) is not None, public
        assert public in vars(package)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=rf"metazoo\.{name}.*missing"):
        package.missing  # noqa: B018


@pytest.mark.parametrize("name", ["nothing_here", "NoSuchLearner"])
def test_unknown_name_raises_attribute_error(name):
    with pytest.raises(AttributeError, match=name):
        getattr(metazoo, name)
