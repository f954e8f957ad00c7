"""ATAML's exact properties: section by section of its specification."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo import functional
from metazoo.data.episode import Episode
from metazoo.errors import EpisodeError, MetazooError
from metazoo.layers import tcn
from metazoo.methods.ataml.ataml_inner import attend
from metazoo.methods.ataml.ataml_model import ATAML

VOCABULARY = [f"w{i}" for i in range(18)]
WAYS = 3


def build(dtype="float32", seed=0, backbone=None, **options):
    keras.utils.set_random_seed(seed)
    backbone_options = {"filters": 4, "dilations": (1, 2), "dropout": 0.0}
    net = tcn(20, 5, dtype=dtype, **{**backbone_options, **(backbone or {})})
    settings = {"max_words": 8, "num_ways": WAYS, "inner_steps": 2}
    return ATAML(net, VOCABULARY, **{**settings, **options}, dtype=dtype)


def texts(rng, *shape):
    found = np.empty(shape, object)
    for place in np.ndindex(*shape):
        chosen = rng.integers(18, size=rng.integers(2, 8))
        found[place] = " ".join(VOCABULARY[i] for i in chosen).encode()
    return found


def episode(tasks=2, shots=2, seed=0) -> Episode:
    rng = np.random.default_rng(seed)
    labels = np.tile(np.repeat(np.arange(WAYS), shots), (tasks, 1))
    return Episode.without_padding(
        tf.constant(texts(rng, tasks, WAYS * shots)),
        tf.constant(labels),
        tf.constant(texts(rng, tasks, WAYS)),
        tf.constant(np.tile(np.arange(WAYS), (tasks, 1))),
    )


def steps_of(learner, *support, **changes):
    """The state after other steps than the learner's own."""
    own = learner.options
    steps = {
        "num_steps": own.predict_steps,
        "step_size": own.inner_learning_rate,
    }
    state = learner.stepped_state(*support, **{**steps, **changes})
    del state["support_loss"]
    return state


def state_of(learner, task, **changes):
    return steps_of(
        learner,
        task.support_x,
        task.support_y,
        task.support_mask,
        WAYS,
        **changes,
    )


def outputs_of(learner, task, **options):
    state = state_of(learner, task, **options)
    return learner.outputs_from_state(task.query_x, state)


def test_no_steps_give_the_initial_parameters():
    learner, task = build(), episode()
    state = state_of(learner, task, num_steps=0)
    for name in ("attention_vector", "head_kernel", "head_bias"):
        initial = getattr(learner, name).value
        for found in state[name]:
            np.testing.assert_array_equal(found, initial)


def test_zero_attention_is_the_masked_mean():
    rng = np.random.default_rng(0)
    states = tf.constant(rng.standard_normal((2, 3, 5, 4)), tf.float32)
    real = tf.sequence_mask([[5, 2, 0], [1, 3, 5]], 5)
    states *= tf.cast(real, tf.float32)[..., None]
    found, shares = attend(states, real, tf.zeros([2, 4]), "softmax")
    mean, _ = attend(states, real, None, "mean")
    np.testing.assert_allclose(found, mean, atol=1e-6)
    # A text without words is nothing, not NaN.
    assert not shares[0, 2].numpy().any() and not found[0, 2].numpy().any()


def test_frozen_zero_attention_equals_taml():
    taml, task = build(attention="mean"), episode()
    learner = build(train_attention=False)
    learner.attention_vector.assign(tf.zeros(4))
    for name in ("head_kernel", "head_bias"):
        getattr(learner, name).assign(getattr(taml, name))
    learner.backbone.set_weights(taml.backbone.get_weights())
    np.testing.assert_allclose(
        outputs_of(learner, task, num_steps=0)["logits"],
        outputs_of(taml, task, num_steps=0)["logits"],
        atol=1e-6,
    )
    # One step: attention adapts, but only after the logits were computed.
    one = state_of(learner, task, num_steps=1)
    other = state_of(taml, task, num_steps=1)
    np.testing.assert_allclose(
        one["head_kernel"], other["head_kernel"], atol=1e-6
    )


def test_attention_is_a_share_of_each_word_read():
    learner, task = build(), episode()
    shares = outputs_of(learner, task)["attention"].numpy()
    assert shares.shape == (2, WAYS, 8)
    np.testing.assert_allclose(shares.sum(-1), 1.0, atol=1e-6)
    lengths = [len(t.split()) for t in task.query_x.numpy().ravel()]
    words = (shares > 0).sum(-1).ravel()
    assert words.tolist() == lengths


def test_padding_changes_nothing():
    learner, task = build(), episode()
    before = outputs_of(learner, task)
    longer = [
        tf.pad(learner.numeric(x), [[0, 0], [0, 0], [0, 3]])[..., :8]
        for x in (task.support_x, task.query_x)
    ]
    padded = task._replace(support_x=longer[0], query_x=longer[1])
    after = outputs_of(learner, padded)
    for name in ("logits", "attention"):
        np.testing.assert_allclose(after[name], before[name], atol=1e-6)


@pytest.mark.parametrize("adapts", ["task", "all"])
@pytest.mark.parametrize("attention", ["softmax", "linear", "mean"])
def test_tasks_together_equal_tasks_alone(adapts, attention):
    learner, task = build(adapts=adapts, attention=attention), episode(3)
    together = outputs_of(learner, task)["logits"]
    for t in range(3):
        alone = task.map(lambda part, t=t: part[t : t + 1])
        np.testing.assert_allclose(
            outputs_of(learner, alone)["logits"][0], together[t], atol=1e-5
        )


def loss_at(learner, task):
    return float(learner.meta_loss(task, WAYS)[0])


@pytest.mark.parametrize(
    "options", [{}, {"adapts": "all"}, {"attention": "linear"}]
)
def test_meta_gradient_equals_finite_differences(options):
    learner = build("float64", inner_learning_rate=0.3, **options)
    task = episode()
    _, _, gradients = learner.chunk_gradients(task, WAYS)
    rng = np.random.default_rng(0)
    for variable, gradient in zip(
        learner.trainable_variables, gradients, strict=True
    ):
        value = variable.numpy()
        direction = rng.standard_normal(value.shape)
        step = 1e-5
        variable.assign(value + step * direction)
        above = loss_at(learner, task)
        variable.assign(value - step * direction)
        below = loss_at(learner, task)
        variable.assign(value)
        slope = float(np.sum(direction * gradient.numpy()))
        # A leaky ReLU has a kink, hence no tighter.
        assert slope == pytest.approx(
            (above - below) / (2 * step), rel=1e-4, abs=1e-7
        ), variable.path


def test_first_order_gradient_is_another_one():
    task = episode()
    both = [
        build(first_order=flag).chunk_gradients(task, WAYS)
        for flag in (False, True)
    ]
    assert float(both[0][0]) == pytest.approx(float(both[1][0]), rel=1e-6)
    assert np.abs(both[0][2][0] - both[1][2][0]).max() > 1e-6


def gradient_of_words(learner, task):
    _, _, gradients = learner.chunk_gradients(task, WAYS)
    names = [v.name for v in learner.trainable_variables]
    return tf.convert_to_tensor(gradients[names.index("embeddings")]).numpy()


def test_support_states_carry_a_meta_gradient():
    # Support and query share no word, and states before the first
    # convolution belong to words: only the support's way is left.
    learner = build(backbone={"dilations": (), "train_embeddings": True})
    task = episode()._replace(
        support_x=tf.constant([[b"w0", b"w1", b"w2"] * 2] * 2),
        query_x=tf.constant([[b"w9", b"w10", b"w11"]] * 2),
    )
    of_words = gradient_of_words(learner, task)
    assert np.abs(of_words[2:5]).max() > 0
    cut = build(
        backbone={"dilations": (), "train_embeddings": True}, first_order=True
    )
    of_words = gradient_of_words(cut, task)
    assert np.abs(of_words[2:5]).max() == 0
    assert np.abs(of_words[11:14]).max() > 0


def test_maml_without_inner_gradients_of_the_encoder_equals_ataml():
    task = episode()
    maml, learner = build(adapts="all"), build()
    support = maml.support_of(
        task.support_x, task.support_y, task.support_mask, WAYS
    )
    loss = maml.inner_loss(support)
    weights = maml.initial_weights(2, WAYS)
    count = len(maml.encoder.convolutions)

    def frozen(values):
        fixed = [tf.stop_gradient(value) for value in values[:count]]
        return loss(fixed + values[count:])

    found = functional.inner_sgd(
        frozen, weights, 2, learner.options.inner_learning_rate, False
    )
    expected = state_of(learner, task)
    for name, value in zip(maml.fast_names, found, strict=True):
        if not name.startswith("encoder"):
            np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_tiled_head_is_symmetric_and_holds_the_attention_one_step():
    learner = build(head="tiled", num_ways=None, inner_learning_rate=0.5)
    task = episode(1)
    before = outputs_of(learner, task)["logits"].numpy()
    order = np.array([2, 0, 1])
    moved = task._replace(support_y=tf.gather(order, task.support_y))
    after = outputs_of(learner, moved)["logits"].numpy()
    np.testing.assert_allclose(after[..., order], before, atol=1e-5)
    initial = learner.attention_vector.numpy()
    # Zero up to the rounding of a sum of equal columns.
    one = state_of(learner, task, num_steps=1)["attention_vector"][0]
    np.testing.assert_allclose(one, initial, atol=1e-6)
    two = state_of(learner, task, num_steps=2)["attention_vector"][0]
    assert np.abs(two - initial).max() > 1e-4
    other = build(inner_learning_rate=0.5)
    columns = state_of(other, task, num_steps=1)["attention_vector"][0]
    assert np.abs(columns - other.attention_vector).max() > 1e-5


def test_one_step_equals_the_gradient_by_hand():
    # Two words, two classes, no convolution; states are word vectors.
    learner = build(
        num_ways=2, backbone={"dilations": ()}, inner_learning_rate=1.0
    )
    vectors = np.zeros((20, 5), np.float32)
    vectors[2], vectors[3] = [1, 0, 2, 0, 1], [0, 1, 0, -1, 1]
    learner.encoder.embeddings.assign(vectors)
    s = vectors[[2, 3]].astype(np.float64)
    a, w, b = (
        getattr(learner, name).numpy().astype(np.float64)
        for name in ("attention_vector", "head_kernel", "head_bias")
    )
    state = steps_of(
        learner,
        tf.constant([["w0 w1"]]),
        tf.constant([[1]], tf.int64),
        tf.constant([[True]]),
        2,
        num_steps=1,
    )
    share = np.exp(s @ a) / np.exp(s @ a).sum()
    context = share @ s
    # Class 0 has no example and is left out: its logit is masked.
    error = np.array([0.0, 0.0])
    np.testing.assert_allclose(state["head_bias"][0], b - error, atol=1e-6)
    both = steps_of(
        learner,
        tf.constant([["w0 w1", "w0"]]),
        tf.constant([[1, 0]], tf.int64),
        tf.constant([[True, True]]),
        2,
        num_steps=1,
    )
    logits = np.stack([context @ w + b, s[0] @ w + b])
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    error = (p - np.array([[0, 1], [1, 0]])) / 2
    by_context = w @ error[0]
    by_score = share * (s @ by_context - context @ by_context)
    expected = {
        "head_bias": b - error.sum(0),
        "head_kernel": w - np.stack([context, s[0]]).T @ error,
        "attention_vector": a - by_score @ s,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(both[name][0], value, atol=1e-5)


def test_every_task_takes_its_own_number_of_steps():
    learner, task = build(), episode(3)
    state = state_of(
        learner, task, num_steps=[0, 1, 4], step_size=[0.5, 0.1, 0.3]
    )
    for t, (steps, size) in enumerate([(0, 0.5), (1, 0.1), (4, 0.3)]):
        one = task.map(lambda part, t=t: part[t : t + 1])
        alone = state_of(learner, one, num_steps=steps, step_size=size)
        for name, value in alone.items():
            np.testing.assert_allclose(state[name][t], value[0], atol=1e-5)


def test_adapt_steps_is_checked_and_repeats_adapt():
    learner = build(predict_steps=3, inner_learning_rate=0.4)
    x, y = ["w1 w2", "w3", "w4 w5"], [0, 1, 2]
    found, report = learner.adapt_steps(x, y, 3, 0.4)
    for name, value in learner.adapt(x, y).state.items():
        np.testing.assert_allclose(found.state[name], value, atol=1e-6)
    shares = found.predict(x)[np.arange(3), y]
    np.testing.assert_allclose(
        report["support_loss"], [-np.log(shares).mean()], rtol=1e-4
    )
    _, before = learner.adapt_steps(x, y, 0, 0.4)
    assert report["support_loss"] < before["support_loss"]
    for steps, size, name in (
        (-1, 0.1, "num_steps"),
        (1001, 0.1, "num_steps"),
        (1.5, 0.1, "num_steps"),
        (1, -0.1, "step_size"),
        (1, np.nan, "step_size"),
        ([1, 2], 0.1, "num_steps"),
    ):
        with pytest.raises(EpisodeError, match=name):
            learner.adapt_steps(x, y, steps, size)


def test_dropout_repeats_by_step_and_is_off_when_served():
    learner, task = build(backbone={"dropout": 0.5}), episode()
    losses = {loss_at(learner, task) for _ in range(3)}
    assert len(losses) == 3
    np.testing.assert_array_equal(
        outputs_of(learner, task)["logits"], outputs_of(learner, task)["logits"]
    )


def test_what_is_trained_follows_the_variant():
    names = {v.name for v in build().trainable_variables}
    assert {"attention_vector", "kernel_0", "head_kernel"} <= names
    frozen = build(train_attention=False)
    assert "attention_vector" not in {
        v.name for v in frozen.trainable_variables
    }
    taml = build(attention="mean")
    assert "attention_vector" not in {v.name for v in taml.variables}
    assert "attention_vector" not in taml.state_spec()
    assert "encoder_03" in build(adapts="all").state_spec()
    assert not build(inner_steps=0, predict_steps=1).second_order


def test_state_size_is_that_of_attention_and_classifier():
    # H + N (H + 1), and the mask of N classes.
    assert build().state_size(WAYS) == 4 + WAYS * 5 + WAYS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "hard"}, "attention"),
        ({"adapts": "encoder"}, "adapts"),
        ({"head": "shared"}, "head"),
        ({"inner_steps": -1}, "inner_steps"),
        ({"predict_steps": 5000}, "predict_steps"),
        ({"inner_learning_rate": 0.0}, "inner_learning_rate"),
        ({"num_ways": None}, "num_ways"),
        ({"head": "tiled", "num_ways": None, "inner_steps": 1}, "2 or more"),
        ({"attention": "mean", "train_attention": False}, "train_attention"),
        ({"backbone": {"dropout": -1}}, "dropout"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(MetazooError, match=message):
        build(**options)


def test_backbone_and_vocabulary_must_agree():
    with pytest.raises(MetazooError, match="word numbers"):
        ATAML(tcn(9, 4), VOCABULARY, num_ways=2)
    inputs = keras.Input((None,), dtype="int32")
    with pytest.raises(MetazooError, match="TextStates"):
        ATAML(keras.Model(inputs, inputs), VOCABULARY, num_ways=2)
