"""Mixtures of image data sets: one form, classes that keep their split."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.data import from_arrays, load_dataset, load_mixture
from metazoo.data.cifar10 import CLASS_NAMES
from metazoo.data.licences import licence_of
from metazoo.data.mixture import (
    CIFAR10_CLASSES,
    MAX_HELD_OUT_EXAMPLES,
    colour_images,
    domain_names,
    joined_domains,
    one_domain,
)
from metazoo.errors import DataError


def drawings(count=3, each=4, shape=(28, 28), value=None):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count * each, *shape)).astype(np.uint8)
    if value is not None:
        images[:] = value
    labels = np.repeat(np.arange(count), each)
    return from_arrays(images, labels, name="drawings")


@pytest.fixture
def cifar_folder(tmp_path):
    """The official files, two images of a class in each."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in [f"data_batch_{n}.bin" for n in range(1, 6)]:
        records = rng.integers(0, 256, (20, 3073)).astype(np.uint8)
        records[:, 0] = np.tile(np.arange(10), 2)
        records.tofile(folder / name)
    return tmp_path


def test_splits_share_no_class_and_use_all():
    found = [name for names in CIFAR10_CLASSES.values() for name in names]
    assert sorted(found) == sorted(CLASS_NAMES)


def test_mixture_has_one_form_and_names_domains(cifar_folder, monkeypatch):
    import metazoo.data.load as load

    real = load._load_named
    monkeypatch.setattr(
        load,
        "_load_named",
        lambda name, *rest: (
            drawings() if name == "glyphs" else real(name, *rest)
        ),
    )
    data = load_dataset(
        "mixture:cifar10,glyphs", cifar_folder, "test", image_size=24
    )
    assert data.image_shape == (24, 24, 3)
    assert data.name == "mixture:cifar10,glyphs" and data.split == "test"
    assert data.class_names[:3] == tuple(
        f"cifar10/{name}" for name in CIFAR10_CLASSES["test"]
    )
    assert domain_names(data) == ("cifar10",) * 3 + ("glyphs",) * 3
    assert data.class_sizes.tolist() == [10] * 3 + [4] * 3
    glyphs = one_domain(data, "glyphs").images
    np.testing.assert_array_equal(glyphs[..., 0], glyphs[..., 2])
    expected = colour_images(drawings(), 24).images
    np.testing.assert_array_equal(glyphs, expected)


def test_colour_images_keep_what_fits():
    data = drawings(shape=(32, 32, 3))
    np.testing.assert_array_equal(colour_images(data, 32).images, data.images)
    flat = colour_images(drawings(value=200), 40).images
    assert flat.shape[1:] == (40, 40, 3) and (flat == 200).all()


def test_held_out_classes_are_cut(monkeypatch):
    import metazoo.data.load as load

    many = drawings(2, MAX_HELD_OUT_EXAMPLES + 5, (4, 4))
    monkeypatch.setattr(load, "_load_named", lambda *_: many)
    cut = load_mixture(["glyphs"], None, "val", image_size=4)
    whole = load_mixture(["glyphs"], None, "train", image_size=4)
    assert cut.class_sizes.tolist() == [MAX_HELD_OUT_EXAMPLES] * 2
    assert whole.class_sizes.tolist() == [MAX_HELD_OUT_EXAMPLES + 5] * 2
    start = many.class_offsets[1]
    np.testing.assert_array_equal(
        cut.images[MAX_HELD_OUT_EXAMPLES, ..., :1], many.images[start]
    )


@pytest.mark.parametrize(
    ("names", "split", "text"),
    [
        ([], "val", "all different"),
        (["glyphs", "glyphs"], "val", "all different"),
        (["glyphs"], "evaluation", "split must be one of"),
        (["nothing"], "val", "Unknown data set 'nothing'"),
        (["cifar10"], "val", "needs data_dir"),
    ],
)
def test_bad_mixture_is_refused(names, split, text):
    with pytest.raises(DataError, match=text):
        load_mixture(names, None, split)


def test_unequal_examples_are_refused():
    parts = {"a": drawings(), "b": drawings(shape=(20, 20))}
    with pytest.raises(DataError, match="one shape and"):
        joined_domains(parts, "both", "train")
    with pytest.raises(DataError, match="names no domain"):
        domain_names(drawings())
    data = joined_domains({"a": drawings()}, "one", "train")
    with pytest.raises(DataError, match="no domain 'b'"):
        one_domain(data, "b")


def test_licence_of_a_mixture_names_its_parts():
    found = licence_of("mixture:omniglot,mini_imagenet,cifar10")
    assert "omniglot: MIT" in found and "non-commercial" in found
    assert "cifar10: not known" in found
