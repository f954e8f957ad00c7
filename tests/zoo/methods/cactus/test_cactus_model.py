"""CACTUs-MAML: its inner loss, its gradient, its head, its two readings."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo import functional
from metazoo.data.episode import Episode
from metazoo.errors import EpisodeError
from metazoo.layers import ExactBatchNormalization
from metazoo.methods.cactus.cactus_model import CACTUs

SHAPE = (8, 8, 1)


def build(ways=3, **options):
    keras.utils.set_random_seed(1)
    dtype = "float64"
    net = keras.Sequential(
        [
            keras.Input(SHAPE, dtype=dtype),
            keras.layers.Conv2D(2, 3, use_bias=False, dtype=dtype),
            ExactBatchNormalization(scale=False, dtype=dtype),
            keras.layers.Activation("softplus", dtype=dtype),
            keras.layers.AveragePooling2D(3, dtype=dtype),
            keras.layers.Flatten(dtype=dtype),
        ]
    )
    options = {"inner_steps": 2, "predict_steps": 4, **options}
    return CACTUs(net, ways, value_range=None, dtype=dtype, **options)


def episode(ways=3, shots=1, queries=2, tasks=1):
    rng = np.random.default_rng(5)

    def part(each):
        y = np.tile(np.repeat(np.arange(ways), each), (tasks, 1))
        return tf.constant(rng.normal(size=(*y.shape, *SHAPE))), tf.constant(y)

    return Episode.without_padding(*part(shots), *part(queries))


@pytest.fixture(scope="module")
def learner():
    return build()


def test_inner_loss_is_ways_times_the_mean_of_a_hand_example(learner):
    one = episode(shots=2)
    weights = learner.initial_weights(3)
    x, y = one.support_x[0], one.support_y[0]
    found = float(learner.task_loss(weights, x, y, tf.ones(3)))
    logits = learner.task_logits(weights, x, tf.ones(3)).numpy()
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    mean = -np.log(shares[np.arange(6), y.numpy()]).mean()
    assert found == pytest.approx(3 * mean, rel=1e-9)


def test_classes_weigh_the_same_with_unequal_shots(learner):
    x = episode(shots=2).support_x[0][:4]
    y = tf.constant([0, 1, 1, 1], tf.int64)
    weights = learner.initial_weights(3)
    mask = tf.constant([1.0, 1.0, 0.0])
    logits = learner.task_logits(weights, x, mask).numpy()[:, :2]
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(4), y]
    expected = losses[0] + losses[1:].mean()
    found = float(learner.task_loss(weights, x, y, mask))
    assert found == pytest.approx(expected, rel=1e-6)


def test_columns_of_absent_classes_do_not_move():
    wide, task = build(ways=6), episode()
    adapted = wide.adapt(task.support_x.numpy(), task.support_y.numpy())
    names = sorted(n for n in adapted.state if n.startswith("weight"))
    before = wide.head_variables[0].numpy()
    after = adapted.state[names[-2]][0]
    np.testing.assert_array_equal(after[:, 3:], before[:, 3:])
    assert np.abs(after[:, :3] - before[:, :3]).max() > 1e-3
    narrow = build(ways=3)
    values = wide.get_weights()
    place = [v.path for v in wide.weights].index(wide.head_variables[0].path)
    values[place], values[place + 1] = (
        values[place][:, :3],
        values[place + 1][:3],
    )
    narrow.set_weights(values)
    expected = narrow.adapt(task.support_x.numpy(), task.support_y.numpy())
    np.testing.assert_allclose(
        after[:, :3], expected.state[names[-2]][0], rtol=1e-9
    )


def test_meta_gradient_equals_differences(learner):
    task = episode()
    rng = np.random.default_rng(7)
    for first_order in (False, True):
        learner.first_order = first_order
        _, _, gradients = learner.compute_gradients(task)
        ways = [rng.normal(size=v.shape) for v in learner.trainable_variables]
        along = sum(
            float(np.sum(g.numpy() * w))
            for g, w in zip(gradients, ways, strict=True)
        )
        step, values = 1e-5, []
        for sign in (1, -1, 0):
            for v, w in zip(learner.trainable_variables, ways, strict=True):
                v.assign_add(sign * step * w)
            values.append(float(learner.meta_loss(task, 3)[0]))
            for v, w in zip(learner.trainable_variables, ways, strict=True):
                v.assign_add(-sign * step * w)
        difference = (values[0] - values[1]) / (2 * step)
        near = along == pytest.approx(difference, rel=1e-4)
        assert near is not first_order


def test_offsets_learn_and_do_not_adapt(learner):
    offsets = [v for v in learner.trainable_variables if "beta" in v.path]
    assert len(offsets) == 1
    assert not {id(v) for v in offsets} & {
        id(v) for v in learner.fast_variables
    }
    _, _, gradients = learner.compute_gradients(episode())
    by_id = dict(
        zip(map(id, learner.trainable_variables), gradients, strict=True)
    )
    assert np.abs(by_id[id(offsets[0])]).max() > 0


def test_no_steps_give_the_initial_weights(learner):
    task = episode()
    x, y, queries = (
        part.numpy() for part in (task.support_x, task.support_y, task.query_x)
    )
    adapted = learner.adapt_steps(x, y, 0)
    names = sorted(n for n in adapted.state if n.startswith("weight"))
    for name, variable in zip(names, learner.fast_variables, strict=True):
        np.testing.assert_array_equal(adapted.state[name][0], variable)
    trainable, others = functional.weights_of(learner.backbone)
    together = learner.logits_together(task.query_x, adapted.state)
    features, _ = functional.call(
        learner.backbone,
        trainable,
        [
            tf.convert_to_tensor(v)
            for v in learner.backbone.non_trainable_variables
        ],
        task.query_x[0],
    )
    kernel, bias = (v.numpy() for v in learner.head_variables)
    np.testing.assert_allclose(together[0], features @ kernel + bias)
    assert adapted.predict(queries).shape == (1, 6, 3)


def test_steps_of_one_s_own_are_those_of_adapt(learner):
    task = episode(tasks=2)
    x, y = task.support_x.numpy(), task.support_y.numpy()
    expected = learner.adapt(x, y).state
    found = learner.adapt_steps(x, y, 4).state
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-9)
    with pytest.raises(EpisodeError, match="inner_steps"):
        learner.adapt_steps(x, y, 1001)


def test_adapt_predict_is_predict_after_adapt_bit_for_bit(learner):
    by_name = {one.name: one.fn for one in learner.signatures()}
    task = episode(tasks=2)
    x, y = (tf.cast(task.support_x, tf.float32), task.support_y)
    queries = tf.cast(task.query_x, tf.float32)
    once = by_name["adapt_predict"](support_x=x, support_y=y, query_x=queries)
    state = by_name["adapt"](support_x=x, support_y=y)
    twice = by_name["predict"](query_x=queries, **state)
    for name in once:
        np.testing.assert_array_equal(once[name], twice[name])


def test_a_query_is_answered_for_itself_or_with_the_others(learner):
    task = episode()
    x, y = task.support_x.numpy(), task.support_y.numpy()
    state = learner.adapt(x, y).state
    queries = task.query_x
    many = learner.logits_from_state(queries, state)
    one = learner.logits_from_state(queries[:, :1], state)
    np.testing.assert_allclose(one, many[:, :1], atol=1e-12)
    many = learner.logits_together(queries, state)
    few = learner.logits_together(queries[:, :2], state)
    assert np.abs(few - many[:, :2]).max() > 1e-3
    other = learner.with_normalization("transductive")
    assert other.transductive and not learner.transductive
    np.testing.assert_allclose(
        other.logits_from_state(queries, other.adapt(x, y).state),
        many,
        rtol=1e-6,
    )


def test_training_normalises_queries_by_themselves(learner):
    task = episode()
    own = learner.meta_loss(task, 3)[1]
    changed = build(training_normalization="support")
    changed.set_weights(learner.get_weights())
    assert np.abs(own - changed.meta_loss(task, 3)[1]).max() > 1e-3


def test_more_ways_than_the_head_has_columns_are_refused(learner):
    task = episode(ways=4)
    with pytest.raises(EpisodeError, match="support_y"):
        learner.adapt(task.support_x.numpy(), task.support_y.numpy())
