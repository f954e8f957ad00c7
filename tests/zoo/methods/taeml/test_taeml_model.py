"""TAEML: exact ties to its learners, symmetries, and what never changes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data.episode import Episode
from metazoo.errors import EpisodeError, MetazooError
from metazoo.methods.taeml.taeml_ensemble import (
    by_member,
    differences,
    ensemble,
    left_out,
    normalised,
)
from metazoo.methods.taeml.taeml_model import MODES, TAEML
from metazoo.methods.taeml.taeml_trust import CEILING, trust_network

SIZE, FEATURES, WAYS, SHOTS, QUERIES = 6, 5, 4, 3, 2


def member(seed, size=SIZE, features=FEATURES):
    """A layer with batch normalisation, features of length 10."""
    keras.utils.set_random_seed(seed)
    net = keras.Sequential(
        [
            keras.Input((size,)),
            keras.layers.Dense(features),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
        ],
        name="net",
    )
    return normalised(net)


def build(seeds=(0, 1, 2), spread=0.5, **options):
    members = [member(seed) for seed in seeds]
    keras.utils.set_random_seed(9)
    learner = TAEML.of(
        members,
        value_range=None,
        trust_units=(7, 5),
        **options,
    )
    rng = np.random.default_rng(1)
    for layer in (learner.trust.first, learner.trust.second):
        kernel, bias = layer.weights
        # Differences of up to 100 would saturate a random network.
        kernel.assign(0.1 * kernel.numpy())
        bias.assign(spread * rng.random(bias.shape))
    last = learner.trust.last.kernel
    last.assign(spread * rng.normal(size=last.shape))
    return learner


def episode(tasks=2, ways=WAYS, shots=SHOTS, queries=QUERIES, seed=0):
    rng = np.random.default_rng(seed)
    labels = [
        np.tile(np.repeat(np.arange(ways), n), (tasks, 1))
        for n in (shots, queries)
    ]
    support, query = (
        rng.normal(size=(*y.shape, SIZE)).astype(np.float32) + y[..., None] / 3
        for y in labels
    )
    return Episode.without_padding(
        support.astype(np.float32),
        labels[0],
        query.astype(np.float32),
        labels[1],
    )


def state_of(learner, task, ways=WAYS):
    """Eagerly: a learner used once is not worth a trace."""
    return learner.adapt_state(
        tf.constant(task.support_x), task.support_y, task.support_mask, ways
    )


def predicted(learner, task, mode=None):
    state = state_of(learner, task)
    found = learner.outputs_from_state(task.query_x, state, mode)
    return {name: value.numpy() for name, value in found.items()}


def of_single_learner(seed, task):
    """A prototypical network's own logits."""
    proto = metazoo.ProtoNet(member(seed), value_range=None)
    return proto(task.to_keras()[0]).numpy()


@pytest.mark.parametrize("seeds", [(1,), (1, 1, 1)])
@pytest.mark.parametrize("mode", MODES)
def test_one_learner_or_equal_ones_predict_as_protonet(seeds, mode):
    task = episode()
    found = predicted(build(seeds), task, mode)
    alone = of_single_learner(1, task)
    np.testing.assert_array_equal(found["classes"], alone.argmax(-1))
    for one in np.moveaxis(found["learner_probabilities"], 1, 0):
        np.testing.assert_allclose(one, tf.nn.softmax(alone), atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_constant_trust_is_uniform_averaging(mode):
    learner, task = build(), episode()
    kernel, bias = learner.trust.last.weights
    kernel.assign(tf.zeros_like(kernel))
    bias.assign([np.log(3.0 / (CEILING - 3.0))])
    found = predicted(learner, task, mode)
    np.testing.assert_allclose(found["trust"], 3.0, rtol=1e-5)
    mean = found["learner_probabilities"].mean(1)
    np.testing.assert_array_equal(found["classes"], mean.argmax(-1))
    np.testing.assert_allclose(found["logits"], 9.0 * mean, rtol=1e-4)


def test_fresh_network_trusts_all_about_alike():
    learner = build(spread=0.0, initial_trust=5.0)
    zero = tf.zeros([1, 3, 2, WAYS, FEATURES])
    mask = tf.ones([1, 1, 1, WAYS])
    trust = learner.trust.score(learner.trust.pairs(zero, mask))
    np.testing.assert_allclose(trust, 5.0, rtol=1e-5)


@pytest.mark.parametrize("form", ["symmetric", "flat"])
def test_one_query_is_alike_in_both_modes(form):
    learner = build(form=form, num_ways=WAYS)
    task = episode()
    one = task._replace(query_x=task.query_x[:, :1])
    together = predicted(learner, one, "transductive")
    alone = predicted(learner, one, "single")
    for name, value in together.items():
        np.testing.assert_array_equal(value, alone[name])


def test_repeated_and_shuffled_queries_keep_their_trust():
    learner, task = build(), episode()
    found = predicted(learner, task)
    twice = task._replace(query_x=np.concatenate([task.query_x] * 2, 1))
    np.testing.assert_allclose(
        predicted(learner, twice)["trust"], found["trust"], rtol=1e-5
    )
    order = np.random.default_rng(0).permutation(task.query_x.shape[1])
    mixed = predicted(learner, task._replace(query_x=task.query_x[:, order]))
    np.testing.assert_allclose(mixed["trust"], found["trust"], rtol=1e-5)
    np.testing.assert_allclose(
        mixed["probabilities"], found["probabilities"][:, order], atol=1e-5
    )


@pytest.mark.parametrize("mode", MODES)
def test_order_of_learners_changes_no_answer(mode):
    task = episode()
    found = predicted(build((0, 1, 2)), task, mode)
    mixed = predicted(build((2, 0, 1)), task, mode)
    np.testing.assert_allclose(
        mixed["trust"], found["trust"][:, [2, 0, 1]], rtol=1e-5
    )
    np.testing.assert_allclose(mixed["logits"], found["logits"], rtol=1e-4)
    assert np.ptp(found["trust"], axis=1).min() > 0.01


@pytest.mark.parametrize("mode", MODES)
def test_names_of_classes_change_no_trust(mode):
    learner, task = build(), episode()
    order = np.array([2, 0, 3, 1])
    renamed = task._replace(support_y=order[task.support_y])
    found, other = (predicted(learner, t, mode) for t in (task, renamed))
    np.testing.assert_allclose(other["trust"], found["trust"], rtol=1e-6)
    np.testing.assert_allclose(
        other["logits"][..., order], found["logits"], rtol=1e-5
    )


@pytest.mark.parametrize("mode", MODES)
def test_absent_class_changes_nothing(mode):
    learner, task = build(), episode()
    state = state_of(learner, task, 6)
    wide = learner.outputs_from_state(task.query_x, state, mode)
    found = predicted(learner, task, mode)
    np.testing.assert_allclose(wide["trust"], found["trust"], rtol=1e-5)
    np.testing.assert_allclose(
        wide["probabilities"][..., :WAYS], found["probabilities"], atol=1e-6
    )
    assert (wide["probabilities"].numpy()[..., WAYS:] == 0).all()


@pytest.mark.parametrize("mode", MODES)
def test_trust_and_scores_are_bounded(mode):
    learner, task = build(spread=2.0), episode()
    found = predicted(learner, task, mode)
    assert (found["trust"] > 0).all() and (found["trust"] < CEILING).all()
    np.testing.assert_allclose(found["probabilities"].sum(-1), 1, atol=1e-5)
    for query in range(task.query_y.shape[1]):
        # Alone in its request, a query's own trust is the mean trust.
        one = task
        if mode == "single":
            one = task._replace(query_x=task.query_x[:, query : query + 1])
        most = predicted(learner, one, mode)["trust"].sum(1)
        assert (found["logits"][:, query].max(-1) <= most + 1e-3).all()


def test_masked_queries_weigh_nothing():
    learner, task = build(), episode()
    state = state_of(learner, task)
    junk = np.full_like(task.query_x[:, :3], 7.0)
    mask = np.pad(np.ones(task.query_y.shape, bool), ((0, 0), (0, 3)))
    padded = learner.outputs_from_state(
        np.concatenate([task.query_x, junk], 1), state, query_mask=mask
    )
    found = learner.outputs_from_state(task.query_x, state)
    np.testing.assert_allclose(padded["trust"], found["trust"], rtol=1e-5)


def test_training_leaves_learners_alone():
    learner, task = build(), episode(tasks=3)
    before = [v.numpy().tobytes() for v in learner.backbone.variables]
    first = [v.numpy().copy() for v in learner.trust.variables]
    assert len(before) == 3 * 6
    learner.compile(optimizer=keras.optimizers.Adam(0.05))
    inputs, query_y, _ = task.to_keras()
    learner.fit(
        {name: np.asarray(value) for name, value in inputs.items()},
        query_y,
        epochs=3,
        verbose=0,
    )
    after = [v.numpy().tobytes() for v in learner.backbone.variables]
    assert before == after
    trained = {v.path for v in learner.trainable_variables}
    assert trained == {v.path for v in learner.trust.variables}
    for old, new in zip(first, learner.trust.variables, strict=True):
        assert np.abs(old - new.numpy()).max() > 0


def test_differences_are_squared_distances():
    learner, task = build(), episode()
    z = learner.embed(tf.constant(task.query_x))
    h = by_member(z, 3).numpy()
    np.testing.assert_allclose(np.linalg.norm(h, axis=-1), 10.0, rtol=1e-5)
    assert (h >= 0).all()
    state = state_of(learner, task)
    zeta = differences(z, tf.constant(state["prototypes"])).numpy()
    distances = zeta.sum(-1)
    assert distances.min() >= 0 and distances.max() <= 200
    for number in range(3):
        alone = of_single_learner(number, task)
        np.testing.assert_allclose(-distances[:, number], alone, atol=1e-3)


def test_flat_form_is_a_convolution():
    network = trust_network("flat", FEATURES, WAYS, (7, 5), 2.0)
    rng = np.random.default_rng(0)
    zeta = rng.random((2, 3, 6, WAYS, FEATURES)).astype(np.float32)
    found = network.pairs(tf.constant(zeta), tf.ones([1, 1, 1, WAYS]))
    images = zeta.reshape(6, 6, WAYS, FEATURES)
    kernel = tf.reshape(network.first.kernel, [1, WAYS, FEATURES, 7])
    x = tf.nn.relu(tf.nn.conv2d(images, kernel, 1, "VALID"))
    kernel = network.second.kernel[None, None]
    x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "VALID"))
    np.testing.assert_allclose(
        found, tf.reshape(x, [2, 3, 6, 5]), rtol=1e-4, atol=1e-6
    )


def test_left_out_prototypes_are_those_of_the_others():
    rng = np.random.default_rng(0)
    labels = np.array([[0, 0, 0, 1, 1, 2, 0]])
    real = np.array([[True] * 6 + [False]])
    h = rng.random((1, 7, 2, FEATURES)).astype(np.float32)
    means = np.stack(
        [h[0, real[0] & (labels[0] == c)].mean(0) for c in range(3)]
    )
    prototypes = np.moveaxis(means, 1, 0)[None]
    zeta = differences(tf.reshape(h, [1, 7, -1]), tf.constant(prototypes))
    found, mask = left_out(zeta, tf.constant(labels), tf.constant(real), 3)
    for i in range(6):
        for c in range(3):
            rest = real[0] & (labels[0] == c) & (np.arange(7) != i)
            assert mask[0, i, c] == rest.any()
            if rest.any():
                expected = (h[0, rest].mean(0) - h[0, i]) ** 2
                np.testing.assert_allclose(
                    found[0, :, i, c], expected, rtol=1e-3, atol=1e-5
                )


@pytest.mark.parametrize("form", ["symmetric", "flat"])
def test_single_shots_give_finite_weights(form):
    learner = build(form=form, num_ways=WAYS)
    task = episode(shots=1)
    state = state_of(learner, task)
    assert np.isfinite(state["support_trust"]).all()


def test_tasks_of_unequal_ways_share_a_batch():
    learner = build()
    wide, narrow = episode(1, 4, 3), episode(1, 3, 4, seed=3)
    x = np.concatenate([wide.support_x, narrow.support_x])
    y = np.concatenate([wide.support_y, narrow.support_y])
    adapted = learner.adapt(x, y)
    query_x = np.concatenate([wide.query_x[:, :4], narrow.query_x[:, :4]])
    found = adapted.predict(query_x)
    alone = learner.adapt(narrow.support_x, narrow.support_y)
    np.testing.assert_allclose(
        found[1:, :, :3], alone.predict(query_x[1:]), atol=1e-5
    )


def test_extra_verbs_answer_as_their_modes():
    learner, task = build(), episode()
    state = learner.adapt(task.support_x, task.support_y).state
    for verb, mode in (("single", "single"), ("support", "support")):
        found = getattr(learner, f"predict_{verb}")(task.query_x, state)
        expected = learner.outputs_from_state(task.query_x, state, mode)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, atol=1e-5)
    np.testing.assert_array_equal(found["trust"], state["support_trust"])


def test_only_the_transductive_mode_lets_queries_see_each_other():
    task = episode()
    for mode in MODES:
        learner = build(mode=mode)
        assert learner.transductive == (mode == "transductive")
        first = task._replace(query_x=task.query_x[:, :1])
        many = predicted(learner, task)["probabilities"][:, :1]
        one = predicted(learner, first)["probabilities"]
        assert (np.abs(many - one).max() > 1e-3) == learner.transductive


def test_one_class_is_refused():
    task = episode(1)
    with pytest.raises(EpisodeError, match=r"1 class\(es\).*2 or more"):
        build().adapt(task.support_x, 0 * task.support_y)


def test_flat_form_takes_its_own_ways_only():
    learner = build(form="flat", num_ways=WAYS)
    assert learner.fixed_ways
    task = episode(1, ways=3)
    with pytest.raises(EpisodeError, match="3 class.*expected 4 or more"):
        learner.adapt(task.support_x, task.support_y)
    wide = episode(1, ways=5)
    with pytest.raises(EpisodeError, match=r"support_y must be in \[0, 4\)"):
        learner.adapt(wide.support_x, wide.support_y)
    with pytest.raises(EpisodeError, match="tells 4 ways apart"):
        learner.adapt(wide.support_x, wide.support_y, num_ways=5)


def test_empty_query_set_is_refused():
    task = episode(1)
    adapted = build().adapt(task.support_x, task.support_y)
    with pytest.raises(EpisodeError, match="query_x is empty"):
        adapted.predict(task.query_x[:, :0])


def test_members_that_do_not_fit_are_refused():
    with pytest.raises(MetazooError, match="none, expected one or more"):
        ensemble([])
    with pytest.raises(MetazooError, match=r"members\[1\] maps examples of"):
        ensemble([member(0), member(1, size=7)])
    with pytest.raises(MetazooError, match=r"to 4 features; expected"):
        ensemble([member(0), member(1, features=4)])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mode": "all"}, "mode must be one of"),
        ({"form": "round"}, "form must be one of"),
        ({"form": "flat"}, "num_ways must be given"),
        ({"num_members": 2}, "does not divide the backbone's 15"),
        ({"initial_trust": 100.0}, "between 0 and 100"),
        ({"trust_units": (3,)}, "two sizes"),
    ],
)
def test_bad_options_are_refused(options, text):
    backbone = ensemble([member(seed) for seed in range(3)])
    with pytest.raises(MetazooError, match=text):
        TAEML(backbone, **{"num_members": 3, **options})
