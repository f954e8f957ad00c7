"""ClassDataset: layout, selection, rotations, splits, fingerprints."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.data import ClassDataset, from_arrays
from metazoo.errors import DataError


def make_dataset(sizes=(3, 2, 4), size=4, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (sum(sizes), size, size, 1), np.uint8)
    return ClassDataset(
        images=images,
        class_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        class_names=tuple(f"class{i}" for i in range(len(sizes))),
        name="toy",
        split="train",
    )


def test_properties_describe_the_layout():
    data = make_dataset()
    assert data.num_classes == 3
    assert data.num_examples == 9
    assert data.image_shape == (4, 4, 1)
    assert (data.min_examples, data.max_examples) == (2, 4)
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2]
    assert "num_classes=3" in repr(data)


def test_images_are_read_only_but_the_callers_array_is_not():
    images = np.zeros((2, 4, 4, 1), np.uint8)
    data = ClassDataset(images, np.array([0, 1, 2]), ("a", "b"))
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 1
    images[0] = 1


def test_select_keeps_the_order_asked_for():
    data = make_dataset()
    part = data.select([2, 0], split="some")
    assert part.class_names == ("class2", "class0")
    assert part.split == "some"
    assert part.class_offsets.tolist() == [0, 4, 7]
    np.testing.assert_array_equal(part.images[:4], data.images[5:])
    np.testing.assert_array_equal(part.images[4:], data.images[:3])


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([], "non-empty"),
        ([0.5], "integers"),
        ([3], r"\[0, 3\)"),
        ([-1], r"\[0, 3\)"),
        ([1, 1], "twice"),
    ],
)
def test_select_refuses_bad_indices(indices, message):
    with pytest.raises(DataError, match=message):
        make_dataset().select(indices)


def test_with_rotations_turns_each_class_into_four():
    data = make_dataset()
    turned = data.with_rotations()
    assert turned.num_classes == 12
    assert turned.class_names[:4] == ("class0", "class1", "class2", "class0@90")
    for k in range(4):
        begin = turned.class_offsets[3 * k]
        np.testing.assert_array_equal(
            turned.images[begin], np.rot90(data.images[0], k)
        )
    assert turned.class_sizes.tolist() == [3, 2, 4] * 4


def test_with_rotations_refuses_what_is_not_square():
    data = from_arrays(np.zeros((2, 3, 4), np.uint8), [0, 1])
    with pytest.raises(DataError, match="square"):
        data.with_rotations()


def test_split_classes_parts_are_disjoint_whole_and_seeded():
    data = make_dataset(sizes=(2,) * 10)
    kept, held = data.split_classes(3, seed=5)
    assert (kept.num_classes, held.num_classes) == (7, 3)
    assert set(kept.class_names) | set(held.class_names) == set(
        data.class_names
    )
    assert (kept.split, held.split) == ("train", "val")
    again = data.split_classes(0.3, seed=5)[1]
    assert again.class_names == held.class_names
    others = {data.split_classes(3, seed=s)[1].class_names for s in range(8)}
    assert len(others) > 1


@pytest.mark.parametrize("held_out", [0, 3, -1, 0.0, 1.0, 0.01])
def test_split_classes_refuses_an_empty_part(held_out):
    with pytest.raises(DataError, match="held_out"):
        make_dataset().split_classes(held_out)


def test_fingerprint_changes_with_bytes_layout_and_names():
    data = make_dataset()
    assert data.fingerprint == make_dataset().fingerprint
    assert len(data.fingerprint) == 64
    images = data.images.copy()
    images[8, 3, 3, 0] ^= 1
    offsets, names = data.class_offsets, data.class_names
    others = [
        ClassDataset(images, offsets, names),
        ClassDataset(data.images, [0, 2, 5, 9], names),
        ClassDataset(data.images, offsets, ("a", "b", "c")),
        ClassDataset(data.images.reshape(9, 2, 8, 1), offsets, names),
    ]
    prints = {other.fingerprint for other in others} | {data.fingerprint}
    assert len(prints) == 5


def test_fingerprint_ignores_memory_order():
    data = make_dataset()
    fortran = ClassDataset(
        np.asfortranarray(data.images), data.class_offsets, data.class_names
    )
    assert fortran.fingerprint == data.fingerprint


def test_from_arrays_sorts_by_label_and_keeps_order_within():
    images = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones(
        (5, 2, 2), np.uint8
    )
    data = from_arrays(images, [7, 3, 7, 3, 7])
    assert data.class_names == ("3", "7")
    assert data.images[:, 0, 0, 0].tolist() == [1, 3, 0, 2, 4]
    assert data.class_offsets.tolist() == [0, 2, 5]


def test_from_arrays_keeps_the_order_within_large_classes():
    values = np.arange(500, dtype=np.float32)[:, np.newaxis]
    data = from_arrays(values, np.arange(500) % 2)
    assert (np.diff(data.images[:250, 0]) > 0).all()
    assert (np.diff(data.images[250:, 0]) > 0).all()


def test_from_arrays_takes_float_features():
    data = from_arrays(np.ones((4, 6), np.float32), [0, 0, 1, 1])
    assert data.image_shape == (6,)


@pytest.mark.parametrize(
    ("images", "labels", "names", "message"),
    [
        (np.zeros((2, 4, 4), np.float64), [0, 1], None, "float64"),
        (np.zeros((2, 4), np.uint8), [0, 1], None, "shape"),
        (np.zeros((0, 4, 4), np.uint8), [], None, "non-empty"),
        (np.zeros((2, 4, 4), np.uint8), [0], None, r"\(2,\)"),
        (np.zeros((2, 4, 4), np.uint8), [0.0, 1.0], None, "integers"),
        (np.zeros((2, 4, 4), np.uint8), [0, 2], ["a", "b"], r"\[0, 2\)"),
        (np.zeros((2, 4, 4), np.uint8), [0, 0], ["a", "b"], "no example.*b"),
        (np.zeros((2, 4, 4), np.uint8), [0, 1], ["a", "a"], "repeat.*a"),
    ],
)
def test_from_arrays_refuses_bad_input(images, labels, names, message):
    with pytest.raises(DataError, match=message):
        from_arrays(images, labels, names)


@pytest.mark.parametrize(
    ("offsets", "names", "message"),
    [
        ([0, 1], ("a",), "run from 0 to 3"),
        ([1, 3], ("a",), "run from 0 to 3"),
        ([0.0, 3.0], ("a",), "integers"),
        ([0, 1, 3], ("a",), "2 names"),
        ([0, 2, 1, 3], ("a", "b", "c"), "no example"),
    ],
)
def test_constructor_refuses_bad_offsets(offsets, names, message):
    with pytest.raises(DataError, match=message):
        ClassDataset(np.zeros((3, 2, 2, 1), np.uint8), offsets, names)


def test_split_examples_holds_out_the_last_of_every_class():
    labels = [0, 0, 0, 1, 1, 1, 1]
    pixels = np.arange(7, dtype=np.uint8)[:, None, None, None]
    data = from_arrays(pixels, labels, split="train")
    kept, held = data.split_examples(2)
    assert kept.images.ravel().tolist() == [0, 3, 4]
    assert held.images.ravel().tolist() == [1, 2, 5, 6]
    assert kept.labels.tolist() == [0, 1, 1]
    assert held.labels.tolist() == [0, 0, 1, 1]
    assert kept.class_names == held.class_names == data.class_names
    assert (kept.split, held.split) == ("train", "held_out")


@pytest.mark.parametrize("held_out", [0, 3, -1])
def test_split_examples_leaves_no_class_empty(held_out):
    data = from_arrays(np.zeros((6, 1, 1, 1), np.uint8), [0, 0, 0, 1, 1, 1])
    with pytest.raises(DataError, match="held_out"):
        data.split_examples(held_out)
