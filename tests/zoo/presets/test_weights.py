"""Weights files: plain arrays pass, whatever reaches outside does not."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from metazoo.errors import PresetError
from metazoo.presets.weights import check_weights, count_parameters


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.weights.h5"


def write(path, change):
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((3, 2), "float32")
        change(file)


def external_link(file):
    file["layers/other"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(file):
    file["layers/other"] = h5py.SoftLink("/layers/dense")


def external_array(file):
    files = [("/etc/passwd", 0, 8)]
    file.create_dataset("x", (2,), "float32", external=files)


def virtual_array(file):
    layout = h5py.VirtualLayout((3, 2), "float32")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", shape=(3, 2))
    file.create_virtual_dataset("x", layout)


def text(file):
    file["x"] = np.array(["os.system"], dtype=object)


def reference(file):
    file.create_dataset("x", data=file["layers"].ref, dtype=h5py.ref_dtype)


def compound_reference(file):
    kind = np.dtype([("a", "f4"), ("b", h5py.ref_dtype)])
    file.create_dataset("x", (1,), kind)


def bomb(file):
    file.create_dataset("x", (1 << 40,), "float32", chunks=(1024,))


def named_type(file):
    file["x"] = np.dtype("float32")


def cycle(file):
    file["layers/dense/again"] = file["layers"]


def empty(file):
    file["x"] = h5py.Empty("float32")


def test_check_plain_arrays_pass(path):
    write(path, lambda file: None)
    check_weights(path)


def test_check_keras_weights_pass(path, tiny):
    learner = tiny.make_learner()
    learner.save_weights(path)
    check_weights(path)
    assert count_parameters(learner) == learner.count_params()


@pytest.mark.parametrize(
    "change",
    [
        external_link,
        soft_link,
        external_array,
        virtual_array,
        text,
        reference,
        compound_reference,
        bomb,
        named_type,
        cycle,
        empty,
    ],
)
def test_check_evil_content_refused(path, change):
    write(path, change)
    with pytest.raises(PresetError, match="refused|expected numbers"):
        check_weights(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04pickle"])
def test_check_other_file_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(PresetError, match="not a readable HDF5"):
        check_weights(path)


def test_check_truncated_file_refused(path):
    write(path, lambda file: None)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PresetError, match="not a readable HDF5"):
        check_weights(path)
