"""load_dataset, and the package's lazy names."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import metazoo.data
from metazoo.data import load_dataset
from metazoo.errors import DataError


def test_load_dataset_draws_glyphs_with_options():
    data = load_dataset(
        "glyphs", split="val", num_alphabets=1, num_characters=2, num_drawers=3
    )
    assert (data.name, data.split, data.num_examples) == ("glyphs", "val", 6)


def test_load_dataset_reads_an_npz_path(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, images=np.zeros((2, 3, 4, 4), np.uint8))
    data = load_dataset(f"npz:{path}")
    assert (data.num_classes, data.split) == (2, "test")


def test_load_dataset_reads_a_folder_path(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "a" / "x.png")
    data = load_dataset(f"folder:{tmp_path}", grayscale=True)
    assert data.image_shape == (4, 4, 1)


@pytest.mark.parametrize(
    "spec", ["mnist", "", "npz:", "zip:a", ":", "glyphs:1", "npz"]
)
def test_load_dataset_lists_what_is_allowed(spec):
    with pytest.raises(DataError, match='"glyphs".*"npz:PATH".*"tfds:NAME"'):
        load_dataset(spec)


@pytest.mark.parametrize("name", ["omniglot", "mini_imagenet"])
def test_load_dataset_says_where_files_are_looked_for(name, tmp_path):
    with pytest.raises(DataError, match="needs data_dir"):
        load_dataset(name)
    with pytest.raises(DataError, match=str(tmp_path)):
        load_dataset(name, tmp_path)


def test_every_public_name_loads():
    for name in metazoo.data.__all__:
        assert getattr(metazoo.data, name).__name__ == name
    assert set(metazoo.data.__all__) <= set(dir(metazoo.data))
    with pytest.raises(AttributeError, match="nonsense"):
        metazoo.data.nonsense  # noqa: B018


def test_readers_do_not_import_tensorflow():
    code = (
        "import sys, metazoo.data as d; d.load_glyphs('val', num_alphabets=1,"
        "num_characters=1); d.load_omniglot, d.load_mini_imagenet,"
        "d.from_folder, d.load_npz, d.load_dataset;"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
