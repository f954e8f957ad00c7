"""CIFAR-10 readers, on small made-up copies of the files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from metazoo.data import load_cifar10, load_dataset
from metazoo.data.cifar10 import CLASS_NAMES
from metazoo.errors import DataError


def write_packed(folder, split="test", **changes):
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for label in range(10):
        stream = io.BytesIO()
        colour = (20 * label, 200, 30)
        Image.new("RGB", (32, 32), colour).save(stream, "JPEG", quality=95)
        parts.append(stream.getvalue())
    fields = {
        "jpeg": np.frombuffer(b"".join(parts), np.uint8),
        "offset": np.cumsum([0, *map(len, parts)]),
        "label": np.arange(10, dtype=np.uint8),
        "class_names": np.array(CLASS_NAMES),
    }
    np.savez(folder / f"cifar10_{split}_jpeg.npz", **(fields | changes))


def write_binary(folder, name, labels):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (len(labels), 3, 32, 32), np.uint8)
    rows = np.concatenate(
        [np.array(labels, np.uint8)[:, None], images.reshape(len(labels), -1)],
        1,
    )
    rows.tofile(folder / name)
    return images


def test_packed_file_is_decoded(tmp_path):
    write_packed(tmp_path / "cifar10")
    data = load_cifar10(tmp_path, "test")
    assert data.images.shape == (10, 32, 32, 3)
    assert data.class_names == CLASS_NAMES
    assert (data.name, data.split) == ("cifar10-jpeg", "test")
    red = data.images[..., 0].mean((1, 2))
    np.testing.assert_allclose(red, 20 * np.arange(10), atol=4)
    same = load_dataset("cifar10", tmp_path, "test")
    assert same.fingerprint == data.fingerprint


def test_official_files_are_read_and_sorted(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    labels = [3, 9, *range(10)]
    images = write_binary(folder, "test_batch.bin", labels)
    data = load_cifar10(tmp_path, "test")
    assert (data.name, data.num_examples) == ("cifar10", 12)
    first = data.images[data.class_offsets[9]]
    np.testing.assert_array_equal(first, images[1].transpose(1, 2, 0))


def test_train_joins_five_files(tmp_path):
    folder = tmp_path / "cifar10" / "cifar-10-batches-bin"
    for number in range(1, 6):
        write_binary(folder, f"data_batch_{number}.bin", range(10))
    assert load_cifar10(tmp_path, "train").num_examples == 50


def test_missing_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="cs.toronto.edu"):
        load_cifar10(tmp_path, "test")
    with pytest.raises(DataError, match="split"):
        load_cifar10(tmp_path, "val")
    with pytest.raises(DataError, match="data_dir"):
        load_dataset("cifar10", None, "test")
    folder = tmp_path / "cifar-10-batches-bin"
    write_binary(folder, "test_batch.bin", [11])
    with pytest.raises(DataError, match="label"):
        load_cifar10(tmp_path, "test")
    (folder / "test_batch.bin").write_bytes(b"x" * 100)
    with pytest.raises(DataError, match="100 bytes"):
        load_cifar10(tmp_path, "test")
    write_packed(tmp_path, offset=np.array([0, 1]))
    with pytest.raises(DataError, match="offset"):
        load_cifar10(tmp_path, "test")
