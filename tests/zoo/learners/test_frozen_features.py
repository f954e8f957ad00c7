"""Learners on frozen features, and the features themselves."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data import ClassDataset
from metazoo.data.features import extract_features
from metazoo.layers import features


def backbone(size: int = 6) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(size),
        ]
    )


@pytest.fixture(scope="module")
def images() -> ClassDataset:
    rng = np.random.default_rng(0)
    return ClassDataset(
        rng.integers(0, 256, (150, 4, 4, 1)).astype(np.uint8),
        np.arange(0, 151, 50),
        ("a", "b", "c"),
        name="noise",
        split="val",
    )


def test_features_keep_vectors_as_they_are():
    x = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(features(3)(x), x)


def test_extracted_features_are_those_of_inference(images):
    model = backbone()
    found = extract_features(model, images)
    expected = model(images.images.astype(np.float32), training=False)
    np.testing.assert_allclose(found.images, expected, atol=1e-5)
    assert found.class_names == images.class_names
    assert (found.name, found.split) == ("noise", "val")


def test_unfit_images_are_refused(images):
    with pytest.raises(metazoo.DataError, match=r"\(4, 4, 1\)"):
        extract_features(metazoo.layers.conv4((28, 28, 1), filters=2), images)


def test_features_have_length_one_and_no_gradient_goes_below(images):
    learner = metazoo.LEO(backbone(), latent_size=3)
    x = tf.constant(images.images[None, :5], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = learner.embed(x)
    np.testing.assert_allclose(tf.norm(z, axis=-1), 1.0, atol=1e-6)
    assert tape.gradient(z, x) is None
    assert not learner.backbone.trainable_variables


def test_training_leaves_the_backbone_alone(images):
    learner = metazoo.LEO(backbone(), num_ways=3, latent_size=3)
    learner.compile("adam")
    before = [v.numpy() for v in learner.backbone.variables]
    sampler = metazoo.EpisodeSampler(
        images, num_ways=3, num_shots=1, num_queries=2
    )
    learner.train_step(sampler.tasks(0, 2))
    for a, b in zip(before, learner.backbone.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_learner_of_features_works_on_images_with_a_backbone(images):
    model = backbone()
    vectors = extract_features(model, images)
    on_features = metazoo.LEO(features(6), latent_size=3)
    on_images = on_features.with_backbone(model)
    assert on_images.example_shape == (4, 4, 1)
    assert on_images.value_range == (0, 255)
    rows, labels = [0, 60, 120], [0, 1, 2]
    queries = [5, 70, 140]
    np.testing.assert_allclose(
        on_images.adapt(images.images[rows], labels).predict(
            images.images[queries]
        ),
        on_features.adapt(vectors.images[rows], labels).predict(
            vectors.images[queries]
        ),
        atol=1e-5,
    )


def test_joined_data_sets_keep_both_sets_of_classes(images):
    one = images.select([0, 1], split="train")
    two = images.select([2])
    both = one.joined(two, "train+val")
    assert both.class_names == ("a", "b", "c")
    assert both.split == "train+val"
    np.testing.assert_array_equal(both.images, images.images)
    with pytest.raises(metazoo.DataError, match="only equal ones"):
        one.joined(extract_features(backbone(), two), "x")
    with pytest.raises(metazoo.DataError, match="repeat"):
        one.joined(one, "x")
