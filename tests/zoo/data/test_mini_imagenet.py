"""Mini-ImageNet readers, on small made-up copies of the files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from metazoo.data import load_mini_imagenet
from metazoo.errors import DataError

VALUES = (10, 90, 200, 50)
LABELS = (1, 0, 1, 0)


def jpeg(value, size=84):
    stream = io.BytesIO()
    Image.new("RGB", (size, size), (value,) * 3).save(stream, "JPEG")
    return stream.getvalue()


def write_packed(folder, split="val", parts=None, **changes):
    folder.mkdir(exist_ok=True)
    parts = parts or [jpeg(value) for value in VALUES]
    fields = {
        "jpeg": np.frombuffer(b"".join(parts), np.uint8),
        "offset": np.cumsum([0, *map(len, parts)]),
        "label": np.array(LABELS, np.uint8),
        "wnid": np.array(["n01", "n02"]),
        "class_names": np.array(["goose", "hound"]),
    }
    path = folder / f"mini_imagenet_{split}_jpeg.npz"
    np.savez(path, **(fields | changes))


def write_csv(folder, rows=None, header="filename,label"):
    images = folder / "images"
    images.mkdir(parents=True)
    names = [f"n{i}.jpg" for i in range(4)]
    for name, value in zip(names, VALUES, strict=True):
        (images / name).write_bytes(jpeg(value, size=100))
    rows = rows or [
        f"{name},n0{label + 1}"
        for name, label in zip(names, LABELS, strict=True)
    ]
    (folder / "val.csv").write_text("\n".join([header, *rows]) + "\n")


def check(data):
    assert data.class_names == ("n01", "n02")
    assert data.class_offsets.tolist() == [0, 2, 4]
    assert data.images.shape == (4, 84, 84, 3)
    means = data.images.mean((1, 2, 3))
    np.testing.assert_allclose(means, [90, 50, 10, 200], atol=2)
    assert (data.name, data.split) == ("mini_imagenet", "val")


def test_packed_file_is_decoded_and_sorted(tmp_path):
    write_packed(tmp_path / "mini_imagenet")
    check(load_mini_imagenet(tmp_path, "val"))
    check(load_mini_imagenet(tmp_path / "mini_imagenet", "val"))


def test_csv_and_images_are_decoded_and_resized(tmp_path):
    write_csv(tmp_path / "mini_imagenet")
    check(load_mini_imagenet(tmp_path, "val"))


def test_image_size_resizes(tmp_path):
    write_packed(tmp_path)
    data = load_mini_imagenet(tmp_path, "val", image_size=42)
    assert data.image_shape == (42, 42, 3)


def test_missing_split_says_what_and_where(tmp_path):
    write_packed(tmp_path, split="train")
    with pytest.raises(DataError) as caught:
        load_mini_imagenet(tmp_path, "test")
    for part in ("test.csv", "image-net.org", str(tmp_path), "hash"):
        assert part in str(caught.value)


def test_unknown_split_is_refused(tmp_path):
    with pytest.raises(DataError, match="'dev'"):
        load_mini_imagenet(tmp_path, "dev")


def test_packed_image_that_is_damaged_is_numbered(tmp_path):
    write_packed(tmp_path, parts=[jpeg(1), b"junk", jpeg(2), jpeg(3)])
    with pytest.raises(DataError, match="image 1 can't be read"):
        load_mini_imagenet(tmp_path, "val")


@pytest.mark.parametrize("offset", [[], [0], [0, 5], [1, 2, 3]])
def test_packed_offsets_that_do_not_span_are_refused(tmp_path, offset):
    write_packed(tmp_path, offset=np.array(offset, np.int64))
    with pytest.raises(DataError, match="offset must run from 0"):
        load_mini_imagenet(tmp_path, "val")


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["gone.jpg,n01"], "filename,label", "gone.jpg, which is not"),
        (["../val.csv,n01"], "filename,label", "leads out of"),
        (["n0.jpg,n01"], "file,label", "columns filename and label"),
        ([""], "filename,label", "names no image"),
    ],
)
def test_csv_of_another_content_is_refused(tmp_path, rows, header, message):
    write_csv(tmp_path / "m", rows, header)
    with pytest.raises(DataError, match=message):
        load_mini_imagenet(tmp_path / "m", "val")
