"""BANDE as a learner: verbs, modes, unlabelled sets, endpoints, faults."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data import SemiSupervisedSampler, SuperClassSampler, load_glyphs
from metazoo.methods.bande.bande_model import BANDE
from metazoo.methods.bande.bande_recipe import RECIPES


def blobs(seed=0, tasks=2, shots=4, free=5, spread=4.0):
    """Two places for each of 3 classes; unlabelled points elsewhere."""
    rng = np.random.default_rng(seed)
    places = spread * rng.normal(size=(tasks, 3, 2, 4))
    y = np.tile(np.repeat(np.arange(3), shots), (tasks, 1))
    which = np.tile(np.arange(shots) % 2, 3)
    x = np.stack([p[y[0], which] for p in places])
    x = x + 0.3 * rng.normal(size=x.shape)
    u = spread * rng.normal(size=(tasks, free, 4))
    return x.astype(np.float32), y, u.astype(np.float32)


@pytest.fixture(scope="module")
def plane(identity):
    """A learner whose embedding is the example itself."""
    return metazoo.BANDE(
        identity(4), sigma=1.0, sigma_unlabeled=1.0, value_range=None
    )


def test_registered_under_its_name():
    assert metazoo.BANDE is BANDE


def test_predict_after_adapt_equals_both_at_once(plane):
    x, y, u = blobs()
    queries = blobs(1)[0]
    ways, alpha = np.full(2, 3, np.int32), np.full(2, 0.1, np.float32)
    signatures = {s.name: s for s in plane.signatures()}
    inputs = {
        "support_x": x,
        "support_y": y,
        "unlabeled_x": u,
        "unlabeled_mask": np.ones(u.shape[:2], bool),
        "n_way": ways,
        "alpha": alpha,
    }
    inputs = {k: tf.constant(v) for k, v in inputs.items()}
    state = signatures["adapt_semi"].fn(**inputs)
    two = signatures["predict"].fn(query_x=tf.constant(queries), **state)
    one = signatures["adapt_predict_semi"].fn(
        query_x=tf.constant(queries), **inputs
    )
    local = plane.adapt(x, y, unlabeled_x=u)
    outputs = plane.predict_state(queries, local.state)
    for name in plane.predictions:
        np.testing.assert_allclose(one[name], two[name], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            outputs[name], two[name], rtol=1e-5, atol=1e-5
        )


def test_state_is_compacted_to_the_fullest_task(plane):
    x, y, u = blobs()
    x[1] *= 0.05
    state = plane.adapt(x, y, unlabeled_x=0.05 * u).state
    count = state["num_clusters"]
    assert count[0] > 3 and count[1] == 3
    assert state["mu"].shape == (2, count.max(), 4)
    assert (state["label"][1, 3:] == -2).all()
    assert (state["mass"][1, 3:] == 0).all()
    alone = plane.adapt(x[1], y[1], unlabeled_x=0.05 * u[1]).state
    assert alone["mu"].shape == (1, 3, 4)
    np.testing.assert_allclose(alone["mu"][0], state["mu"][1, :3], rtol=1e-5)


def test_distractor_is_class_minus_one_and_takes_its_probability(plane):
    x, y, _ = blobs(tasks=1)
    far = np.full((1, 3, 4), 60.0, np.float32)
    adapted = plane.adapt(x[0], y[0], unlabeled_x=far[0])
    assert (adapted.state["label"] == -1).any()
    outputs = plane.predict_state(
        np.stack([far[0, 0], x[0, 0]])[None], adapted.state
    )
    assert outputs["classes"].tolist() == [[-1, 0]]
    total = outputs["probabilities"].sum(-1)
    np.testing.assert_allclose(
        total + outputs["distractor_probability"], 1.0, atol=1e-5
    )
    assert outputs["distractor_probability"][0, 0] > 0.99
    label = adapted.state["label"][0][outputs["cluster"][0]]
    assert label.tolist() == [-1, 0]


def test_support_order_matters_unless_the_first_cluster_rules(identity):
    found = {}
    for rule in ("all_class_clusters", "first_cluster"):
        learner = metazoo.BANDE(
            identity(1),
            sigma=1.0,
            alpha=float(np.exp(-5.0)),
            cluster_rule=rule,
            value_range=None,
        )
        x = np.array([[4.0], [1.5], [-5.5], [-3.3], [3.3]], np.float32)
        y = np.zeros(5, int)
        counts = set()
        for seed in range(20):
            order = np.random.default_rng(seed).permutation(5)
            state = learner.adapt(x[order], y).state
            counts.add(tuple(np.round(np.sort(state["mu"][0, :, 0]), 2)))
        found[rule] = len(counts)
    assert found["first_cluster"] == 1
    assert found["all_class_clusters"] > 1


def test_embedded_support_gives_the_same_state(new_backbone):
    learner = metazoo.BANDE(new_backbone(), sigma=0.05, value_range=None)
    x, y, u = blobs()
    state = learner.adapt(x, y, unlabeled_x=u).state
    other = learner.adapt_embedded(
        learner.embed(x).numpy(), y, unlabeled_h=learner.embed(u).numpy()
    ).state
    assert state["num_clusters"].max() > 3
    for name, value in state.items():
        np.testing.assert_allclose(other[name], value, rtol=1e-4, atol=1e-5)
    signature = {s.name: s for s in learner.signatures()}["adapt_embedded"]
    served = signature.fn(
        support_h=learner.embed(x),
        support_y=tf.constant(y),
        n_way=tf.fill([2], 3),
        alpha=tf.fill([2], 0.1),
    )
    plain = learner.adapt(x, y).state
    for name, value in plain.items():
        np.testing.assert_allclose(served[name], value, rtol=1e-4, atol=1e-5)


def test_alpha_of_a_request_rules_its_births(plane):
    x, y, u = blobs(tasks=1)
    x, y, u = (np.tile(a, (2, *[1] * (a.ndim - 1))) for a in (x, y, u))
    signature = {s.name: s for s in plane.signatures()}["adapt_semi"]
    state = signature.fn(
        support_x=tf.constant(x),
        support_y=tf.constant(y),
        unlabeled_x=tf.constant(u),
        unlabeled_mask=tf.ones(u.shape[:2], tf.bool),
        n_way=tf.fill([2], 3),
        alpha=tf.constant([1e-30, 0.9]),
    )
    assert state["lam"][0] > state["lam"][1]
    assert state["num_clusters"][0] < state["num_clusters"][1]


def test_label_minus_one_is_padding_on_the_wire(plane):
    x, y, u = blobs()
    signature = {s.name: s for s in plane.signatures()}["adapt_semi"]
    rest = {
        "unlabeled_x": tf.constant(u),
        "unlabeled_mask": tf.ones(u.shape[:2], tf.bool),
        "n_way": tf.fill([2], 3),
        "alpha": tf.fill([2], 0.1),
    }
    plain = signature.fn(
        support_x=tf.constant(x), support_y=tf.constant(y), **rest
    )
    junk = np.full((2, 2, 4), np.nan, np.float32)
    padded = signature.fn(
        support_x=tf.concat([x, junk], 1),
        support_y=tf.constant(np.pad(y, ((0, 0), (0, 2)), constant_values=-1)),
        **rest,
    )
    for name, value in plain.items():
        np.testing.assert_allclose(padded[name], value, rtol=1e-5, atol=1e-5)


FAULTS = {
    "support_x": np.nan,
    "support_y": 7,
    "unlabeled_x": np.inf,
    "n_way": 10**9,
    "alpha": -1.0,
}


@pytest.mark.parametrize("name", FAULTS)
def test_faulty_task_spoils_only_itself(plane, name):
    x, y, u = blobs()
    queries = tf.constant(blobs(1)[0])
    inputs = {
        "support_x": x,
        "support_y": y.copy(),
        "unlabeled_x": u,
        "unlabeled_mask": np.ones(u.shape[:2], bool),
        "n_way": np.full(2, 3, np.int32),
        "alpha": np.full(2, 0.1, np.float32),
    }
    signature = {s.name: s for s in plane.signatures()}["adapt_predict_semi"]

    def run():
        tensors = {k: tf.constant(v) for k, v in inputs.items()}
        return signature.fn(query_x=queries, **tensors)

    right = run()
    inputs[name][0] = FAULTS[name]
    found = run()
    assert np.isnan(found["logits"][0]).all()
    assert (found["classes"][0].numpy() == -1).all()
    for key in ("logits", "probabilities", "classes"):
        np.testing.assert_allclose(found[key][1], right[key][1], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("label", 5),
        ("label", -3),
        ("n_way", 0),
        ("n_way", 10**6),
        ("mu", np.nan),
    ],
)
def test_faulty_state_spoils_only_itself(plane, name, value):
    x, y, _ = blobs()
    queries = blobs(1)[0]
    state = plane.adapt(x, y).state
    right = plane.predict_state(queries, state)
    broken = {k: v.copy() for k, v in state.items()}
    broken[name][0] = value
    signature = {s.name: s for s in plane.signatures()}["predict"]
    found = signature.fn(
        query_x=tf.constant(queries),
        **{k: tf.constant(v) for k, v in broken.items()},
    )
    assert np.isnan(found["logits"][0]).all()
    assert (found["classes"][0].numpy() == -1).all()
    np.testing.assert_allclose(
        found["logits"][1], right["logits"][1], atol=1e-4
    )
    if name == "label" or value == 0:
        with pytest.raises(metazoo.EpisodeError, match="label"):
            plane.predict_state(queries, broken)


def test_cluster_finds_blobs_and_leaves_padding_out(plane):
    rng = np.random.default_rng(0)
    x = np.concatenate([np.zeros((5, 4)), np.full((5, 4), 9.0)])
    x = (x + 0.1 * rng.normal(size=x.shape)).astype(np.float32)
    found = plane.cluster(x, lam=20.0)
    assert found["num_clusters"] == 2
    assert len(set(found["assignment"][:5])) == 1
    assert found["assignment"][0] != found["assignment"][9]
    mask = np.arange(10) < 7
    part = plane.cluster(x, lam=20.0, unlabeled_mask=mask)
    assert (part["assignment"][7:] == -1).all()
    assert part["mass"].sum() == pytest.approx(7.0)
    with pytest.raises(metazoo.EpisodeError, match="num_passes"):
        plane.cluster(x, num_passes=0)


def test_faulty_clustering_spoils_only_itself(plane):
    signature = {s.name: s for s in plane.signatures()}["cluster"]
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    inputs = {
        "unlabeled_x": tf.constant(x),
        "unlabeled_mask": tf.ones((2, 6), tf.bool),
        "lam": tf.constant([1.0, 1.0]),
    }
    right = signature.fn(num_passes=tf.constant([2, 2]), **inputs)
    found = signature.fn(num_passes=tf.constant([0, 2]), **inputs)
    assert np.isnan(found["mu"][0]).all()
    assert (found["assignment"][0].numpy() == -1).all()
    np.testing.assert_array_equal(
        found["assignment"][1], right["assignment"][1]
    )
    longer = signature.fn(num_passes=tf.constant([9, 2]), **inputs)
    np.testing.assert_array_equal(
        longer["assignment"][1], right["assignment"][1]
    )


def test_soft_nn_takes_no_unlabelled_examples(identity):
    learner = metazoo.BANDE(identity(4), mode="soft-nn", value_range=None)
    x, y, u = blobs()
    names = {signature.name for signature in learner.signatures()}
    assert "adapt_semi" not in names and "embed" in names
    with pytest.raises(metazoo.EpisodeError, match="unlabelled"):
        learner.adapt(x, y, unlabeled_x=u)
    assert learner.adapt(x, y).state["num_clusters"].tolist() == [12, 12]


def test_protonet_refuses_unlabelled_examples(identity):
    learner = metazoo.ProtoNet(identity(4), value_range=None)
    x, y, u = blobs()
    with pytest.raises(metazoo.EpisodeError, match="unlabelled"):
        learner.adapt(x, y, unlabeled_x=u)
    inputs = {"support_x": x, "support_y": y, "query_x": x, "unlabeled_x": u}
    with pytest.raises(metazoo.EpisodeError, match="unlabelled"):
        learner({k: tf.constant(v) for k, v in inputs.items()})


def test_k_means_mode_equals_a_prototypical_network(new_backbone):
    x, y, _ = blobs()
    queries = blobs(1)[0]
    proto = metazoo.ProtoNet(new_backbone(), value_range=None)
    learner = metazoo.BANDE(
        new_backbone(),
        mode="kmeans-refine",
        sigma=0.5,
        learn_sigma=False,
        value_range=None,
    )
    np.testing.assert_allclose(
        learner.adapt(x, y).predict(queries),
        proto.adapt(x, y).predict(queries),
        atol=1e-5,
    )
    assert len(learner.trainable_variables) == len(proto.trainable_variables)


def test_training_on_unlabelled_sets_lowers_the_loss():
    data = load_glyphs("train", num_alphabets=1, num_characters=12)
    recipe = RECIPES["omniglot_semi"].tiny()
    source = recipe.training_source(data)
    assert isinstance(source, SemiSupervisedSampler)
    keras.utils.set_random_seed(0)
    learner = recipe.build_learner(data.image_shape)
    learner.compile(recipe.build_optimizer())
    same = source.keras_dataset(2, steps=1).repeat(12)
    history = learner.fit(
        same, steps_per_epoch=1, epochs=12, shuffle=False, verbose=0
    ).history
    assert history["loss"][-1] < history["loss"][0]
    logits = learner(source.tasks(0, 2).to_keras()[0])
    assert logits.shape[-1] == 4
    scores = learner.evaluate(
        source.keras_dataset(2, steps=2), verbose=0, return_dict=True
    )
    assert 0 <= scores["accuracy"] <= 1


def test_superclass_recipe_draws_superclasses():
    data = load_glyphs("train", num_alphabets=3, num_characters=4)
    source = RECIPES["omniglot_alphabets"].tiny().training_source(data)
    assert isinstance(source, SuperClassSampler)
    assert source.tasks(0, 1).support_x.shape[1] == 3 * 3 * 2


def test_step_size_halves_as_the_official_code_does():
    recipe = RECIPES["omniglot"]
    schedule = recipe.build_optimizer()._learning_rate
    rates = [float(schedule(step)) for step in (0, 3999, 4000, 6000, 19999)]
    np.testing.assert_allclose(
        rates, [1e-3, 1e-3, 5e-4, 2.5e-4, 1e-3 * 0.5**8], rtol=1e-5
    )
    adam = recipe.replace(optimizer="adam").build_optimizer()
    assert isinstance(adam, keras.optimizers.Adam)


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "crp"},
        {"cluster_rule": "last"},
        {"alpha": 0.0},
        {"sigma": -1.0},
        {"sigma_unlabeled": float("inf")},
        {"num_cluster_steps": 0},
    ],
)
def test_bad_options_are_refused(identity, changes):
    with pytest.raises(metazoo.MetazooError, match=next(iter(changes))):
        metazoo.BANDE(identity(4), value_range=None, **changes)


def test_bad_recipe_fields_are_refused():
    for changes in ({"episodes": "x"}, {"optimizer": "x"}, {"halve_from": 0}):
        with pytest.raises(metazoo.RecipeError, match=next(iter(changes))):
            RECIPES["omniglot"].replace(**changes)
