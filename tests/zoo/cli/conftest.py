"""A tiny preset and images of characters, for every command."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import metazoo
from metazoo.cli import main
from metazoo.data import load_glyphs
from metazoo.layers import conv4
from metazoo.registry import MethodSpec

NAME = "protonet_tiny_glyphs"


@pytest.fixture(scope="session")
def preset_root(tmp_path_factory):
    """A folder laid out as the package's own presets are."""
    keras.utils.set_random_seed(0)
    learner = metazoo.ProtoNet(conv4((28, 28, 1), filters=4))
    learner.compile()
    root = tmp_path_factory.mktemp("presets")
    learner.save_to_preset(
        root / "protonet" / NAME,
        dataset="glyphs",
        description="Tiny, untrained.",
    )
    return root


@pytest.fixture
def preset(preset_root, monkeypatch):
    """Name of the only registered preset."""
    monkeypatch.setattr(
        MethodSpec, "presets_path", lambda self: preset_root / self.name
    )
    return NAME


@pytest.fixture(scope="session")
def preset_folder(preset_root):
    return str(preset_root / "protonet" / NAME)


@pytest.fixture(scope="session")
def characters(tmp_path_factory):
    """Folder `support` of class folders and folder `queries` of images.

    The drawings are larger than what the preset takes.
    """
    root = tmp_path_factory.mktemp("characters")
    (root / "queries").mkdir()
    data = load_glyphs(
        "test",
        num_alphabets=1,
        num_characters=3,
        num_drawers=4,
        image_size=40,
    )
    for number, image in enumerate(data.images[..., 0]):
        label, drawer = divmod(number, 4)
        folder = root / "support" / f"letter_{'abc'[label]}"
        name = f"{drawer}.png"
        if drawer == 3:
            folder, name = root / "queries", f"{'abc'[label]}.png"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)
    return root


@pytest.fixture(scope="session")
def glyphs_npz(tmp_path_factory):
    """Five classes of 20 drawings in a file: its path, and the data."""
    data = load_glyphs("test", num_alphabets=1, num_characters=5)
    path = tmp_path_factory.mktemp("data") / "characters.npz"
    np.savez(path, images=data.images[..., 0].reshape(5, 20, 28, 28))
    return path, data


@pytest.fixture
def run(capsys):
    """Runs a command in this process; gives code, stdout and stderr."""

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def run_json(run):
    """Runs a command with --json and parses all of stdout."""

    def call(*arguments):
        code, out, err = run(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path(tmp_path)
