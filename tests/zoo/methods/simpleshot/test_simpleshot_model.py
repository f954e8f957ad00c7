"""SimpleShot: transformed features, supervised loss, and its recipe."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data import ClassDataset, LabelledSampler
from metazoo.layers import features
from metazoo.methods.simpleshot.simpleshot_recipe import RECIPES
from metazoo.trainers import Trainer


@pytest.fixture(scope="module")
def data() -> ClassDataset:
    """4 classes on 4 axes."""
    rng = np.random.default_rng(0)
    x = np.repeat(np.eye(4), 12, 0) + 0.1 * rng.standard_normal((48, 4))
    return ClassDataset(
        x.astype(np.float32), np.arange(0, 49, 12), tuple("abcd")
    )


def learner(**options):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    outputs = keras.layers.Dense(3, name="dense")(inputs)
    return metazoo.SimpleShot(
        keras.Model(inputs, outputs), num_classes=4, value_range=None, **options
    )


def test_features_are_centred_and_of_length_one(data):
    model = learner()
    model.feature_mean.assign([0.5, -1.0, 2.0])
    x = tf.constant(data.images[None, :3])
    raw = model.backbone(x[0]).numpy() - [0.5, -1.0, 2.0]
    np.testing.assert_allclose(
        model.embed(x)[0],
        raw / np.linalg.norm(raw, axis=-1, keepdims=True),
        atol=1e-6,
    )
    np.testing.assert_array_equal(model.embed(x, True)[0], model.backbone(x[0]))


def test_queries_go_to_the_nearest_class_mean(data):
    model = metazoo.SimpleShot(features(4), num_classes=4, value_range=None)
    adapted = model.adapt(data.images[[0, 1, 12, 13, 24]], [0, 0, 1, 1, 2])
    found = adapted.predict_classes(data.images[[5, 20, 30]])
    np.testing.assert_array_equal(found, [0, 1, 2])


def test_loss_is_the_smoothed_cross_entropy_of_the_head(data):
    model = learner(label_smoothing=0.2)
    batch = LabelledSampler(data, num_examples=6).tasks(0, 2)
    loss, logits = model.meta_loss(batch, None)
    targets = 0.8 * tf.one_hot(batch.query_y, 4) + 0.05
    expected = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    np.testing.assert_allclose(loss, tf.reduce_mean(expected), rtol=1e-5)


def test_training_follows_the_mean_of_features(data):
    model = learner()
    batch = LabelledSampler(data, num_examples=48).tasks(0, 1)
    model.meta_loss(batch, None)
    mean = model.backbone(data.images).numpy().mean(0)
    np.testing.assert_allclose(model.feature_mean, 0.01 * mean, rtol=1e-4)


def test_trainer_learns_the_training_classes(data):
    model = learner()
    model.compile(keras.optimizers.Adam(0.1))
    source = LabelledSampler(data, num_examples=16)
    history = Trainer(model).fit(
        source, num_tasks=2, steps=30, steps_per_epoch=30, verbose=0
    )
    assert history.history["loss"][0] < 1.0
    batch = source.tasks(0, 3)
    _, logits = model.meta_loss(batch, None)
    right = tf.equal(tf.argmax(logits, -1), batch.query_y)
    assert tf.reduce_mean(tf.cast(right, tf.float32)) > 0.9


@pytest.mark.parametrize(
    "options", [{"num_classes": 1}, {"label_smoothing": 1.0}]
)
def test_unfit_options_are_refused(options):
    with pytest.raises(metazoo.MetazooError):
        metazoo.SimpleShot(features(4), **{"num_classes": 4, **options})


def test_recipe_refuses_more_classes_than_it_has(data):
    recipe = RECIPES["mini_imagenet"].replace(num_classes=3)
    with pytest.raises(metazoo.RecipeError, match="num_classes is 3"):
        recipe.training_source(data)
