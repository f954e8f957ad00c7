"""BANDE over the wire: its own signatures, stored states, bad input."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import metazoo
from metazoo.layers import conv4
from metazoo.serving import Client

SIDE, WAYS = 16, 3
ALL = (
    "adapt_predict",
    "adapt",
    "predict",
    "adapt_embedded",
    "embed",
    "adapt_semi",
    "adapt_predict_semi",
    "cluster",
)


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    backbone = conv4((SIDE, SIDE, 1), filters=8, rescaling=(1 / 255, 0.0))
    # So small that some, but not all, examples open a cluster.
    return metazoo.BANDE(backbone, sigma=2e-4, sigma_unlabeled=1e-4)


def images(count, seed, tasks=2):
    """Coarse patterns, far apart."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (tasks, count, 4, 4))
    fine = np.kron(coarse, np.ones((4, 4), int))
    return fine[..., None].astype(np.float32)


def semi(**changes):
    """Inputs of adapt_semi: two tasks of 3 classes and 5 free examples."""
    inputs = {
        "support_x": images(9, 0),
        "support_y": np.tile(np.repeat(np.arange(WAYS), 3), (2, 1)),
        "unlabeled_x": images(5, 1),
        "unlabeled_mask": np.ones((2, 5), bool),
        "n_way": np.full(2, WAYS, np.int32),
        "alpha": np.full(2, 0.1, np.float32),
    }
    return {**inputs, **changes}


def grouping(**changes):
    """Inputs of cluster."""
    inputs = {
        "unlabeled_x": images(8, 2),
        "unlabeled_mask": np.ones((2, 8), bool),
        "lam": np.array([1e-3, 1e3], np.float32),
        "num_passes": np.array([3, 5], np.int32),
    }
    return {**inputs, **changes}


def expected(learner, inputs):
    """What the learner of this process adapts to."""
    return learner.adapt(
        inputs["support_x"],
        inputs["support_y"],
        unlabeled_x=inputs["unlabeled_x"],
        unlabeled_mask=inputs["unlabeled_mask"],
    )


def assert_equal(found, wanted):
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_allclose(
            found[name], value, rtol=1e-3, atol=1e-4, err_msg=name
        )


def test_every_signature_is_served(client):
    assert set(ALL) <= set(client.signatures())


def test_semi_supervised_answers_equal_the_learner(learner, client):
    inputs, query_x = semi(), images(6, 3)
    adapted = expected(learner, inputs)
    # Else the answers would be those of plain prototypes.
    assert (adapted.state["label"] == -1).any()
    assert (adapted.state["num_clusters"] > WAYS + 1).all()
    state = client.call("adapt_semi", **inputs)
    assert_equal(state, adapted.state)
    wanted = learner.predict_state(query_x, adapted.state)
    assert_equal(client.predict_state(query_x, state), wanted)
    once = client.call("adapt_predict_semi", query_x=query_x, **inputs)
    assert_equal(once, wanted)


def test_adapt_and_predict_equal_the_learner(learner, client):
    inputs, query_x = semi(), images(6, 3)
    adapted = learner.adapt(inputs["support_x"], inputs["support_y"])
    found = client.adapt(inputs["support_x"], inputs["support_y"])
    assert_equal(found.state, adapted.state)
    np.testing.assert_allclose(
        found.predict(query_x), adapted.predict(query_x), atol=1e-4
    )


def test_groups_equal_the_learner_s(learner, client):
    inputs = grouping()
    found = client.call("cluster", **inputs)
    for task in range(2):
        alone = learner.cluster(
            inputs["unlabeled_x"][task],
            lam=float(inputs["lam"][task]),
            num_passes=int(inputs["num_passes"][task]),
        )
        count = alone["num_clusters"]
        assert found["num_clusters"][task] == count
        np.testing.assert_array_equal(
            found["assignment"][task], alone["assignment"]
        )
        for name in ("mu", "mass"):
            np.testing.assert_allclose(
                found[name][task, :count], alone[name], rtol=1e-3, atol=1e-4
            )
    assert found["num_clusters"][0] > found["num_clusters"][1] == 1


def test_embeddings_adapt_as_their_images_do(learner, client):
    inputs = semi()
    found = client.call("embed", x=inputs["support_x"])
    h = learner.embed(inputs["support_x"]).numpy()
    np.testing.assert_allclose(found["h"], h, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found["squared_norm"], (h**2).sum(-1), rtol=1e-4, atol=1e-5
    )
    state = client.call(
        "adapt_embedded",
        support_h=found["h"],
        **{name: inputs[name] for name in ("support_y", "n_way", "alpha")},
    )
    adapted = learner.adapt(inputs["support_x"], inputs["support_y"])
    assert_equal(state, adapted.state)


def test_stored_state_predicts_later_there_and_here(
    learner, client, address, tmp_path
):
    inputs, query_x = semi(), images(6, 3)
    state = client.call("adapt_semi", **inputs)
    path = client.adapted(state, single=False).save(tmp_path / "state.npz")
    wanted = expected(learner, inputs).predict(query_x)
    with Client(address["grpc"], "bande") as later:
        found = later.load_adapted(path).predict(query_x)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    stored = dict(np.load(path, allow_pickle=False))
    at_home = {name: stored[name] for name in learner.state_spec()}
    here = learner.adapted(at_home, single=False).predict(query_x)
    np.testing.assert_allclose(here, wanted, atol=1e-4)


def test_hidden_unlabelled_examples_are_none(learner, client):
    inputs = semi(
        unlabeled_x=np.full((2, 5, SIDE, SIDE, 1), np.nan, np.float32),
        unlabeled_mask=np.zeros((2, 5), bool),
    )
    state = client.call("adapt_semi", **inputs)
    adapted = learner.adapt(inputs["support_x"], inputs["support_y"])
    assert_equal(state, adapted.state)


def test_one_class_alone_is_certain_without_distractors(learner, client):
    support_x, query_x = images(3, 0), images(4, 3)
    found = client.adapt_predict(support_x, np.zeros((2, 3), int), query_x)
    assert found["probabilities"].shape == (2, 4, 1)
    np.testing.assert_allclose(found["probabilities"], 1.0)
    wrong = client.call(
        "adapt_predict_semi",
        query_x=query_x,
        **semi(
            support_x=support_x,
            support_y=np.zeros((2, 3), int),
            n_way=np.ones(2, np.int32),
        ),
    )
    assert (wrong["classes"] == -1).any()
    total = wrong["probabilities"][..., 0] + wrong["distractor_probability"]
    np.testing.assert_allclose(total, 1.0, atol=1e-5)


def test_every_example_may_open_a_cluster(client):
    # A huge concentration makes the threshold negative.
    state = client.call(
        "adapt_semi", **semi(alpha=np.full(2, 1e30, np.float32))
    )
    assert (state["lam"] < 0).all()
    assert state["mu"].shape[1] >= 14
    assert ((state["label"] == -1).sum(1) == 5).all()
    np.testing.assert_allclose(state["mass"].sum(1), 14.0, rtol=1e-4)


FAULTS = {
    "label_beyond_n_way": ("support_y", WAYS),
    "label_below_padding": ("support_y", -2),
    "only_padding": ("support_y", -1),
    "nan_in_support": ("support_x", np.nan),
    "infinity_in_free": ("unlabeled_x", np.inf),
    "no_way": ("n_way", 0),
    "too_many_ways": ("n_way", 10**6),
    "alpha_zero": ("alpha", 0.0),
    "alpha_nan": ("alpha", np.nan),
}


def fault(inputs, name, value):
    """The inputs with a value all over their first task."""
    broken = inputs[name].copy()
    broken[0] = value
    return {**inputs, name: broken}


@pytest.mark.parametrize("case", FAULTS)
def test_faulty_task_is_told_and_spoils_no_other(client, case):
    query_x = images(6, 3)
    right = client.call("adapt_predict_semi", query_x=query_x, **semi())
    inputs = fault(semi(), *FAULTS[case])
    found = client.call("adapt_predict_semi", query_x=query_x, **inputs)
    assert np.isnan(found["probabilities"][0]).all()
    assert (found["classes"][0] == -1).all()
    for name in ("probabilities", "distractor_probability", "classes"):
        np.testing.assert_allclose(found[name][1], right[name][1], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lam", np.nan),
        ("num_passes", 0),
        ("num_passes", 101),
        ("unlabeled_mask", False),
        ("unlabeled_x", np.nan),
    ],
)
def test_faulty_grouping_is_told_and_spoils_no_other(client, name, value):
    right = client.call("cluster", **grouping())
    found = client.call("cluster", **fault(grouping(), name, value))
    assert np.isnan(found["mu"][0]).all()
    assert (found["assignment"][0] == -1).all()
    np.testing.assert_array_equal(
        found["assignment"][1], right["assignment"][1]
    )


def test_state_of_a_faulty_task_is_refused_by_name(client):
    state = client.call("adapt_semi", **fault(semi(), "alpha", -1.0))
    with pytest.raises(metazoo.EpisodeError, match=r"state .* tasks \[0\]"):
        client.predict_state(images(6, 3), state)


MISFITS = {
    "unlabeled_x": semi(
        unlabeled_x=images(0, 1), unlabeled_mask=np.ones((2, 0), bool)
    ),
    "support_y": semi(support_y=np.zeros((2, 8), int)),
    "unlabeled_mask": semi(unlabeled_mask=np.ones((2, 4), bool)),
    "support_x": semi(support_x=images(9, 0)[..., 0]),
    "n_way": semi(n_way=np.full((2, 1), WAYS, np.int32)),
    "alpha": semi(alpha=np.full(3, 0.1, np.float32)),
}


@pytest.mark.parametrize("name", MISFITS)
def test_misfit_of_a_tensor_is_refused_by_name(client, name):
    with pytest.raises(metazoo.MetazooError, match=name):
        client.call("adapt_semi", **MISFITS[name])


def test_width_and_rank_of_embeddings_are_refused_by_name(client):
    rest = {name: semi()[name] for name in ("support_y", "n_way", "alpha")}
    for shape in ((2, 9, 7), (2, 9, 8, 1)):
        h = np.ones(shape, np.float32)
        with pytest.raises(metazoo.EpisodeError, match="support_h"):
            client.call("adapt_embedded", support_h=h, **rest)
    with pytest.raises(metazoo.EpisodeError, match="x"):
        client.call("embed", x=images(2, 0)[:, :, :-1])


def test_missing_or_unknown_tensor_is_refused_by_name(client):
    inputs = semi()
    del inputs["alpha"]
    with pytest.raises(metazoo.EpisodeError, match="alpha"):
        client.call("adapt_semi", **inputs)
    with pytest.raises(metazoo.EpisodeError, match="beta"):
        client.call("adapt_semi", beta=np.ones(2), **semi())
