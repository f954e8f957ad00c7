"""from_tfds, with a stand-in for the library."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from metazoo.data import from_tfds, load_dataset
from metazoo.errors import DataError


def install(monkeypatch, rows, names=("ant", "bee", "cow"), label="label"):
    calls = []
    feature = types.SimpleNamespace()
    if names:
        feature.names = list(names)

    def load(name, *, split, data_dir, with_info):
        calls.append((name, split, data_dir, with_info))
        source = tf.data.Dataset.from_generator(
            lambda: iter(rows),
            output_signature={
                key: tf.TensorSpec(None, np.asarray(value).dtype)
                for key, value in rows[0].items()
            },
        )
        return source, types.SimpleNamespace(features={label: feature})

    module = types.ModuleType("tensorflow_datasets")
    module.load = load
    module.as_numpy = lambda source: source.as_numpy_iterator()
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)
    return calls


def row(value, label, size=4):
    image = np.full((size, size, 1), value, np.uint8)
    return {"image": image, "label": np.int64(label)}


def test_from_tfds_sorts_by_class_and_names_those_present(monkeypatch):
    calls = install(monkeypatch, [row(1, 2), row(2, 0), row(3, 2)])
    data = from_tfds("bugs", "train[:3]", data_dir="where")
    assert calls == [("bugs", "train[:3]", "where", True)]
    assert data.class_names == ("ant", "cow")
    assert data.images[:, 0, 0, 0].tolist() == [2, 1, 3]
    assert (data.name, data.split) == ("bugs", "train[:3]")


def test_from_tfds_numbers_classes_without_names(monkeypatch):
    install(monkeypatch, [row(1, 5), row(2, 3)], names=None)
    assert from_tfds("bugs").class_names == ("3", "5")


def test_from_tfds_stops_after_max_examples(monkeypatch):
    install(monkeypatch, [row(1, 0), row(2, 1), row(3, 2)])
    assert from_tfds("bugs", max_examples=2).num_examples == 2


def test_load_dataset_passes_a_tfds_name_on(monkeypatch):
    calls = install(monkeypatch, [row(1, 0)])
    load_dataset("tfds:bugs:1.0.0", "root", "train")
    assert calls == [("bugs:1.0.0", "train", "root", True)]


def test_from_tfds_names_what_could_not_be_loaded(monkeypatch):
    def load(name, **options):
        raise ValueError("Unknown split 'val'")

    install(monkeypatch, [row(1, 0)])
    monkeypatch.setattr(sys.modules["tensorflow_datasets"], "load", load)
    with pytest.raises(DataError, match="'mnist', split 'val'.*Unknown split"):
        from_tfds("mnist", "val")


def test_from_tfds_refuses_a_missing_feature(monkeypatch):
    install(monkeypatch, [row(1, 0)])
    with pytest.raises(DataError, match="photo.*image_key"):
        from_tfds("bugs", image_key="photo")


def test_from_tfds_refuses_images_of_several_sizes(monkeypatch):
    install(monkeypatch, [row(1, 0), row(1, 0, size=5)])
    with pytest.raises(DataError, match="several sizes"):
        from_tfds("bugs")


def test_from_tfds_without_the_library_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r'pip install "metazoo\[data\]"'):
        from_tfds("mnist")
