"""load_npz and the checked opening of npz files."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.data import load_npz
from metazoo.errors import DataError


def write(path, **fields):
    np.savez_compressed(path, **fields)
    return path


@pytest.mark.parametrize("tail", [(), (1,), (3,)])
def test_load_npz_flattens_class_by_class(tmp_path, tail):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 2, 5, 4, *tail), np.uint8)
    data = load_npz(write(tmp_path / "own.npz", images=images))
    assert data.images.shape == (6, 5, 4, *(tail or (1,)))
    assert data.class_names == ("0", "1", "2")
    assert data.name == "own"
    np.testing.assert_array_equal(data.images[2].ravel(), images[1, 0].ravel())


def test_load_npz_takes_class_names(tmp_path):
    images = np.zeros((2, 1, 3, 3), np.uint8)
    path = write(tmp_path / "a.npz", images=images, class_names=["x", "y"])
    assert load_npz(path).class_names == ("x", "y")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pictures": np.zeros(3)}, "lacks.*images.*pictures"),
        ({"images": np.zeros((2, 2, 3, 3))}, "float64"),
        ({"images": np.zeros((2, 3, 3), np.uint8)}, r"\(2, 3, 3\)"),
        ({"images": np.zeros((2, 0, 3, 3), np.uint8)}, "empty"),
        (
            {"images": np.zeros((2, 1, 3, 3), np.uint8), "class_names": ["x"]},
            "2 strings",
        ),
        (
            {"images": np.zeros((2, 1, 3, 3), np.uint8), "class_names": [1, 2]},
            "2 strings",
        ),
    ],
)
def test_load_npz_refuses_another_layout(tmp_path, fields, message):
    path = write(tmp_path / "bad.npz", **fields)
    with pytest.raises(DataError, match=message):
        load_npz(path)


def test_load_npz_refuses_pickled_objects(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, images=np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="pickle"):
        load_npz(path)


def test_load_npz_names_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="No such file.*gone.npz"):
        load_npz(tmp_path / "gone.npz")


def test_load_npz_refuses_a_plain_npy_and_other_bytes(tmp_path):
    np.save(tmp_path / "plain.npy", np.zeros(3))
    with pytest.raises(DataError, match="plain.npy"):
        load_npz(tmp_path / "plain.npy")
    for content in (b"", b"PK\x03\x04 not a zip", b"hello"):
        (tmp_path / "junk.npz").write_bytes(content)
        with pytest.raises(DataError, match="junk.npz"):
            load_npz(tmp_path / "junk.npz")


def test_load_npz_refuses_any_damaged_or_cut_file(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 2, 8, 8), np.uint8)
    whole = write(tmp_path / "whole.npz", images=images).read_bytes()
    begin = whole.index(b"images.npy") + 40
    bad = tmp_path / "bad.npz"
    for place in range(begin, begin + 200, 20):
        flipped = bytearray(whole)
        flipped[place] ^= 0x10
        bad.write_bytes(flipped)
        with pytest.raises(DataError, match="bad.npz"):
            load_npz(bad)
    bad.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="bad.npz"):
        load_npz(bad)
