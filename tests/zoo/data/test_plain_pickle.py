"""Pickles: arrays and plain values are read, everything else is refused."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

import metazoo
from metazoo.data.leo_embeddings import load_leo_embeddings, read_embeddings
from metazoo.data.plain_pickle import load_plain_pickle

ARRAYS = {
    "floats": np.arange(6, dtype=np.float32).reshape(2, 3),
    "doubles": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big_endian": np.arange(3, dtype=">f8"),
    "integers": np.array([[1], [2]], np.int64),
    "texts": np.array(["ab", "cde"]),
    "bytes": np.array([b"ab", b"cde"]),
    "objects": np.array(["ab", b"c", 3], object),
    "booleans": np.array([True, False]),
    "empty": np.zeros((0, 4), np.float32),
}


def write(path, value, protocol: int = 2):
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_read(name, protocol, tmp_path):
    path = write(tmp_path / "a.pkl", {"x": [ARRAYS[name]]}, protocol)
    (found,) = load_plain_pickle(path)["x"]
    np.testing.assert_array_equal(found, ARRAYS[name])
    assert found.dtype == ARRAYS[name].dtype


def test_plain_values_are_read(tmp_path):
    value = {"a": [1, 2.5, None, True], b"b": ("x", b"y"), "n": np.float64(2)}
    assert load_plain_pickle(write(tmp_path / "a.pkl", value)) == value


class Runs:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch ran",)


def test_code_is_refused_before_it_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in (Runs(), [Runs()], {"embeddings": Runs()}):
        path = write(tmp_path / "a.pkl", value)
        with pytest.raises(metazoo.DataError, match="system"):
            load_plain_pickle(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'a'\ntR.",
        b"cnumpy.core.multiarray\nfromfile\n(S'a'\ntR.",
        b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__class__\x93.",
        # A function that the pickle names is changed through BUILD.
        b"c_codecs\nencode\n(N}S'__defaults__'\n(tstb.",
        b"cnumpy\ndtype\n}S'x'\nI1\nsb.",
        # What stands for numpy.ndarray is called.
        b"cnumpy\nndarray\n(I3\ntR.",
        # A dtype of objects, fields, or other than text.
        b"cnumpy\ndtype\n(S'V8'\ntR.",
        b"cnumpy\ndtype\n(I5\ntR.",
        b"cnumpy\ndtype\n(S'f8'\ntR(I3\nS'<'\nNS'a'\n}I1\nI1\nI63\ntb.",
        # An array that never gets its value; one as long as it says.
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\n"
        b"tR.",
        b"Pabc\n.",
        b"cos\nsystem\n.",
        b"",
        b"garbage",
        b"\x80\x02}q\x00(X\x01",
    ],
)
def test_hostile_or_damaged_pickles_are_refused(text, tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(text)
    with pytest.raises(metazoo.DataError, match=str(path)):
        load_plain_pickle(path)


def test_array_shorter_than_its_shape_is_refused(tmp_path):
    whole = pickle.dumps(np.arange(4, dtype=np.uint8), 2)
    path = tmp_path / "a.pkl"
    path.write_bytes(whole.replace(b"K\x04\x85", b"K\x09\x85"))
    with pytest.raises(metazoo.DataError):
        load_plain_pickle(path)


def test_other_objects_are_refused(tmp_path):
    with pytest.raises(metazoo.DataError, match=r"complex|set"):
        load_plain_pickle(write(tmp_path / "a.pkl", {1, 2}))


@pytest.fixture
def released(tmp_path):
    """A folder as the authors' release, two classes of unequal size."""
    keys = [
        "0-n02-n02_1.JPEG",
        "1-n01-n01_7.JPEG",
        "2-n02-n02_5.JPEG",
    ]
    folder = tmp_path / "embeddings" / "miniImageNet" / "center"
    folder.mkdir(parents=True)
    value = {
        "embeddings": np.arange(12, dtype=np.float64).reshape(3, 4),
        "keys": np.array(keys),
    }
    write(folder / "val_embeddings.pkl", value)
    return tmp_path


@pytest.mark.parametrize("inside", ["", "embeddings"])
def test_released_embeddings_are_sorted_by_class(released, inside):
    found = load_leo_embeddings(released / inside, split="val")
    assert found.class_names == ("n01", "n02")
    np.testing.assert_array_equal(found.class_sizes, [1, 2])
    np.testing.assert_array_equal(found.images[:, 0], [4.0, 0.0, 8.0])
    assert found.images.dtype == np.float32
    assert (found.name, found.split) == ("miniImageNet/center", "val")


def test_released_embeddings_load_by_their_spec(released):
    from metazoo.data import load_dataset

    spec = "embeddings:miniImageNet/center"
    assert load_dataset(spec, released, "val").num_examples == 3
    with pytest.raises(metazoo.DataError, match="data_dir"):
        load_dataset(spec, None, "val")


def test_missing_embeddings_say_where_they_come_from(released):
    with pytest.raises(metazoo.DataError, match=r"github\.com"):
        load_leo_embeddings(released, split="train")
    with pytest.raises(metazoo.DataError, match="split"):
        load_leo_embeddings(released, split="dev")


def test_collection_outside_the_folder_is_refused(released):
    with pytest.raises(metazoo.DataError, match="leads out"):
        (released / "mine").mkdir()
        collection = "../embeddings/miniImageNet/center"
        load_leo_embeddings(released / "mine", collection, "val")


@pytest.mark.parametrize(
    "value",
    [
        [1, 2],
        {"embeddings": np.zeros((1, 2))},
        {"embeddings": np.zeros(3), "keys": np.array(["a"])},
        {"embeddings": np.zeros((1, 2), int), "keys": np.array(["0-a-a_1"])},
        {"embeddings": np.zeros((2, 2)), "keys": np.array(["0-a-a_1"])},
        {"embeddings": np.zeros((1, 2)), "keys": np.array(["0-a-b_1"])},
        {"embeddings": np.zeros((1, 2)), "keys": np.array(["a"])},
    ],
)
def test_other_layouts_are_refused(value, tmp_path):
    with pytest.raises(metazoo.DataError):
        read_embeddings(write(tmp_path / "a.pkl", value), name="x", split="val")
