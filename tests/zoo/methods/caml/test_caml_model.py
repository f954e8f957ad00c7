"""CAML: exact ties to MAML, frozen metric space, conditioning by image."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.errors import MetazooError, SecondOrderError
from metazoo.layers import (
    ConditionalBatchNormalization,
    ExactBatchNormalization,
)
from metazoo.methods.caml.caml_control import (
    ShuffledCAML,
    UnconditionedCAML,
    others,
)
from metazoo.methods.caml.caml_model import CAML

SHAPE = (8, 8, 1)


def base_net(dtype="float64", norm=ConditionalBatchNormalization):
    """Two smooth blocks of 4 channels."""
    keras.utils.set_random_seed(3)
    layers = [keras.Input(SHAPE, dtype=dtype)]
    for _ in range(2):
        layers += [
            keras.layers.Conv2D(4, 3, padding="same", dtype=dtype),
            norm(dtype=dtype),
            keras.layers.Activation("softplus", dtype=dtype),
            keras.layers.AveragePooling2D(2, dtype=dtype),
        ]
    return keras.Sequential([*layers, keras.layers.Flatten(dtype=dtype)])


def metric_net(dtype="float64", size=5):
    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            keras.Input(SHAPE, dtype=dtype),
            keras.layers.Flatten(dtype=dtype),
            keras.layers.Dense(size, dtype=dtype),
            ExactBatchNormalization(dtype=dtype),
        ]
    )


def build(dtype="float64", made=CAML, **options):
    options = {"inner_steps": 2, "inner_learning_rate": 0.3, **options}
    metric = options.pop("metric", None) or metric_net(dtype)
    return made(
        base_net(dtype), metric, value_range=None, dtype=dtype, **options
    )


def last_layers(learner):
    """The variables V."""
    return [v for v in learner.modulation.variables if "_v" in v.path]


def move(learner, seed=5):
    """Gives V values to tell one thing from another by."""
    rng = np.random.default_rng(seed)
    for variable in last_layers(learner):
        variable.assign(0.3 * rng.normal(size=variable.shape))
    return learner


def maml_of(learner):
    """MAML with the weights of a learner's backbone and head."""
    maml = metazoo.MAML(
        base_net(learner.dtype),
        head="zero",
        inner_steps=learner.inner_steps,
        inner_learning_rate=learner.inner_learning_rate,
        normalization=learner.normalization,
        value_range=None,
        dtype=learner.dtype,
    )
    maml.backbone.set_weights(learner.backbone.get_weights())
    return maml


@pytest.fixture(scope="module")
def task(new_episode, tensors):
    return tensors(new_episode(num_tasks=2, shape=SHAPE))


def close(found, expected, atol=1e-9):
    np.testing.assert_allclose(found, expected, atol=atol)


@pytest.mark.parametrize("normalization", ["support", "transductive"])
def test_zero_modulation_is_maml(task, normalization):
    learner = build(normalization=normalization)
    maml = maml_of(learner)
    loss, logits, gradients = learner.compute_gradients(task)
    maml_loss, maml_logits, maml_gradients = maml.compute_gradients(task)
    close(loss, maml_loss)
    close(logits, maml_logits)
    by_id = {
        id(v): g
        for v, g in zip(learner.trainable_variables, gradients, strict=True)
    }
    shared = learner.backbone.trainable_variables
    for variable, expected in zip(shared, maml_gradients, strict=True):
        close(by_id[id(variable)], expected)
    for variable in learner.modulation.variables:
        size = np.abs(by_id[id(variable)]).max()
        assert (size > 1e-6) if "_v" in variable.path else (size == 0.0)
    ours = learner.adapt_state(
        task.support_x, task.support_y, task.support_mask, 3
    )
    theirs = maml.adapt_state(
        task.support_x, task.support_y, task.support_mask, 3
    )
    for name, value in theirs.items():
        close(ours[name], value)


def test_without_steps_every_class_is_as_likely(task):
    learner = build(predict_steps=0)
    for variable in last_layers(learner):
        variable.assign(tf.ones_like(variable))
    adapted = learner.adapt(task.support_x, task.support_y)
    close(adapted.predict(task.query_x), 1 / 3, 1e-6)
    for i, initial in enumerate(learner.initial_weights(3)):
        value = adapted.state[f"weight_{i:02d}"]
        close(value, np.broadcast_to(initial, value.shape))


def test_metric_network_is_never_changed(task):
    learner = build("float32")
    learner.compile(keras.optimizers.Adam(0.01))
    before = [v.numpy().tobytes() for v in learner.metric.variables]
    for _ in range(3):
        learner.train_step(task)
    learner.adapt(task.support_x, task.support_y).predict(task.query_x)
    assert [v.numpy().tobytes() for v in learner.metric.variables] == before
    assert not learner.metric.trainable_variables


def test_training_moves_the_modulation(task):
    learner = build("float32")
    learner.compile(keras.optimizers.Adam(0.01))
    first = [v.numpy() for v in learner.modulation.variables]
    for _ in range(3):
        learner.train_step(task)
    for variable, before in zip(
        learner.modulation.variables, first, strict=True
    ):
        assert np.abs(variable.numpy() - before).max() > 1e-4, variable.path


def test_labels_only_name_the_columns(task):
    learner = move(build())
    order = np.array([2, 0, 1])
    support_y = task.support_y.numpy()
    plain = learner.adapt(task.support_x, support_y).predict(task.query_x)
    named = learner.adapt(task.support_x, order[support_y])
    close(named.predict(task.query_x)[..., order], plain, 1e-6)


def test_query_is_answered_for_itself(new_episode):
    learner = move(build("float32"))
    episode = new_episode(num_tasks=1, queries=17, shape=SHAPE)
    adapted = learner.adapt(episode.support_x, episode.support_y)
    many = adapted.predict(episode.query_x)
    alone = adapted.predict(episode.query_x[:, :1])
    close(alone, many[:, :1], 1e-5)


def test_same_place_for_all_images_is_maml_with_other_scales(task):
    metric = metric_net()
    metric.layers[1].kernel.assign(tf.zeros_like(metric.layers[1].kernel))
    metric.layers[1].bias.assign(np.arange(5) - 1.5)
    learner = move(build(metric=metric, standardize=False))
    changes = learner.prepared(task.support_x)[1][0, 0].numpy()
    maml = maml_of(learner)
    start = 0
    for layer in maml.backbone.layers:
        if isinstance(layer, ConditionalBatchNormalization):
            for variable in (layer.gamma, layer.beta):
                variable.assign_add(changes[start : start + 4])
                start += 4
    assert np.abs(changes).min() > 0 and start == len(changes)
    close(learner.meta_loss(task, 3)[1], maml.meta_loss(task, 3)[1])
    assert np.abs(learner.meta_loss(task, 3)[1]).max() > 0.01


def test_padding_and_mixed_ways_change_nothing(new_episode):
    learner = move(build("float32"))
    episode = new_episode(num_tasks=2, shape=SHAPE)
    mask = np.array([[True] * 6, [True] * 4 + [False] * 2])
    support_x = np.where(mask[..., None, None, None], episode.support_x, 1e6)
    support_y = np.where(mask, episode.support_y, 0)
    both = learner.adapt(support_x, support_y, mask).predict(episode.query_x)
    for i, (count, ways) in enumerate([(6, 3), (4, 2)]):
        x, y = episode.support_x[i, :count], episode.support_y[i, :count]
        alone = learner.adapt(x, y).predict(episode.query_x[i])
        close(both[i][:, :ways], alone, 1e-5)
    assert (both[1][:, 2] == 0).all()


@pytest.mark.parametrize("normalization", ["support", "transductive"])
def test_gradient_of_the_modulation_equals_differences(task, normalization):
    learner = move(build(normalization=normalization))
    _, _, gradients = learner.compute_gradients(task)
    by_id = {
        id(v): g.numpy()
        for v, g in zip(learner.trainable_variables, gradients, strict=True)
    }
    rng = np.random.default_rng(7)
    variables = learner.modulation.variables
    ways = [rng.normal(size=v.shape) for v in variables]
    along = sum(
        np.sum(by_id[id(v)] * way)
        for v, way in zip(variables, ways, strict=True)
    )

    def loss_at(size):
        for variable, way in zip(variables, ways, strict=True):
            variable.assign_add(size * way)
        loss = float(learner.meta_loss(task, 3)[0])
        for variable, way in zip(variables, ways, strict=True):
            variable.assign_add(-size * way)
        return loss

    step = 1e-5
    difference = (loss_at(step) - loss_at(-step)) / (2 * step)
    assert along == pytest.approx(difference, rel=1e-5)


def test_each_image_is_modulated_by_its_own_place(task):
    learner = move(build())
    _, changes = learner.prepared(task.support_x)
    moved = tf.concat([task.support_x[:, :1] + 1.0, task.support_x[:, 1:]], 1)
    gap = np.abs(learner.prepared(moved)[1] - changes).max(-1)
    assert (gap[:, 0] > 1e-3).all() and (gap[:, 1:] == 0).all()
    places = learner.embed(task.support_x).numpy()
    close(places.mean(-1), 0.0)
    close(np.square(places).mean(-1), 1.0, 1e-3)


def test_shuffled_control_takes_the_places_of_others(task):
    learner = build(made=ShuffledCAML)
    places = build().embed(task.support_x).numpy()
    found = learner.embed(task.support_x).numpy()
    assert np.abs(found - places).max() > 0.1
    close(np.sort(found, axis=1), np.sort(places, axis=1))
    again = ShuffledCAML.from_config(learner.get_config())
    again.set_weights(learner.get_weights())
    close(again.embed(task.support_x), found)


@pytest.mark.parametrize("count", [2, 5, 20, 25, 75])
def test_shuffled_control_leaves_no_example_its_own_place(count):
    found = others(count).numpy()
    assert (found != range(count)).all()
    assert sorted(found) == list(range(count))


def test_report_tells_of_scales_below_zero(task):
    learner = build("float32")
    close(learner.modulation_report(task)["changes"], 0.0)
    for layer in learner.backbone.layers:
        if isinstance(layer, ConditionalBatchNormalization):
            layer.gamma.assign([-1.0, 1.0, 1.0, 1.0])
    close(learner.modulation_report(task)["negative"], 0.25)


def test_settings_that_do_not_fit_are_refused():
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(MetazooError, match="metric takes examples of shape"):
        build(metric=other)
    with pytest.raises(MetazooError, match="modulation_l2"):
        build(modulation_l2=-1.0)
    with pytest.raises(MetazooError, match="modulation_size"):
        build(modulation_size=0)
    with pytest.raises(MetazooError, match="ConditionalBatchNormalization"):
        CAML(base_net(norm=ExactBatchNormalization), metric_net())
    both = base_net("float32")
    both.add(keras.layers.BatchNormalization())
    with pytest.raises(SecondOrderError, match="to_exact"):
        CAML(both, metric_net("float32"))


def test_penalty_and_width_reach_the_modulation(task):
    learner = move(build("float32", modulation_size=3, modulation_l2=0.1))
    first = learner.modulation.get_layer("block1_u")
    assert first.kernel.shape == (5, 3)
    squares = sum(np.square(v).sum() for v in last_layers(learner))
    close(float(sum(learner.losses)), 0.1 * squares, 1e-4)


def plain_task(task, labels):
    """Two plain examples behind the queries of each task."""
    y = np.tile(labels, (2, 1))
    return task._replace(
        query_x=tf.concat([task.query_x, task.support_x[:, :2]], 1),
        query_y=tf.concat([task.query_y, tf.constant(y, tf.int64)], 1),
        query_mask=tf.concat([task.query_mask, tf.zeros([2, 2], tf.bool)], 1),
    )


def test_multitask_term_is_added_to_the_query_loss(task):
    options = {
        "multitask_classes": 7,
        "multitask_examples": 2,
        "multitask_weight": 0.5,
    }
    plain, learner = move(build()), move(build(**options))
    pairs = zip(
        learner.modulation.variables, plain.modulation.variables, strict=True
    )
    for mine, other in pairs:
        mine.assign(other)
    learner.backbone.set_weights(plain.backbone.get_weights())
    episode = plain_task(task, [6, 4])
    expected, _ = plain.meta_loss(task, 3)
    # A fresh batch is normalised by itself, as in any training step.
    x, changes = learner.prepared(task.support_x[:, :2])
    z = learner.fast_model(
        [tf.reshape(x, [4, *SHAPE]), tf.reshape(changes, [4, -1])],
        training=True,
    )
    losses = tf.keras.losses.sparse_categorical_crossentropy(
        np.array([6, 4, 6, 4]), learner.class_head(z), from_logits=True
    )
    found, logits = learner.meta_loss(episode, 3)
    close(found, expected + 0.5 * tf.reduce_mean(losses))
    close(logits[:, -2:], 0.0)
    learner.compile(keras.optimizers.Adam(0.01))
    first = learner.class_head.kernel.numpy()
    assert np.isfinite(learner.train_step(episode)["loss"])
    assert np.abs(learner.class_head.kernel.numpy() - first).max() > 1e-4


def test_unconditioned_control_is_maml(task):
    learner = move(build(made=UnconditionedCAML))
    expected = maml_of(learner).meta_loss(task, 3)[1]
    close(learner.meta_loss(task, 3)[1], expected)
    adapted = learner.adapt(task.support_x, task.support_y)
    assert np.isfinite(adapted.predict(task.query_x)).all()
