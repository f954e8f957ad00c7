"""LEO over the wire: vectors and images, draws by seed, states, bad input."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import metazoo
from metazoo.layers import conv4, features

SIZE = 12


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    return metazoo.LEO(
        features(SIZE), latent_size=4, latent_steps=2, weight_steps=2
    )


@pytest.fixture(scope="module")
def image_learner():
    """The raw-image variant: backbone and fixed ways in the graph."""
    keras.utils.set_random_seed(1)
    backbone = conv4((16, 16, 1), filters=8, rescaling=(1 / 255, 0.0))
    return metazoo.LEO(
        backbone,
        num_ways=3,
        latent_size=4,
        latent_steps=2,
        weight_steps=2,
        value_range=(0, 255),
    )


@pytest.fixture(scope="module")
def learners(learner, image_learner):
    return {"leo": learner, "leo_images": image_learner}


@pytest.fixture(scope="module")
def variants():
    # Those that `export` chooses; the images go without.
    return {"leo": None}


def task(ways: int, shots: int, queries: int = 4):
    rng = np.random.default_rng(10 * ways + shots)
    labels = np.repeat(np.arange(ways), shots)
    support_x = rng.standard_normal((len(labels), SIZE)).astype(np.float32)
    query_x = rng.standard_normal((queries, SIZE)).astype(np.float32)
    return support_x, labels, query_x


@pytest.mark.parametrize(("ways", "shots"), [(2, 1), (5, 3)])
def test_served_leo_equals_the_learner(learner, client, ways, shots):
    support_x, labels, query_x = task(ways, shots)
    expected = learner.adapt(support_x, labels)
    adapted = client.adapt(support_x, labels)
    once = client.adapt_predict(support_x, labels, query_x)
    assert client.example_shape == (SIZE,)
    for name, value in expected.state.items():
        np.testing.assert_allclose(adapted.state[name], value, atol=1e-5)
    answer = expected.predict(query_x)
    np.testing.assert_allclose(once["probabilities"], answer, atol=1e-5)
    np.testing.assert_allclose(adapted.predict(query_x), answer, atol=1e-5)


def test_served_draws_follow_the_seed(learner, client):
    support_x, labels, query_x = task(3, 2)
    inputs = {"support_x": support_x[None], "support_y": labels[None]}
    seed = np.array([[4, 5]], np.int32)
    state = client.call("adapt_sample", seed=seed, **inputs)
    expected = learner.adapt_sample(support_x, labels, [4, 5]).state
    for name, value in expected.items():
        np.testing.assert_allclose(state[name], value, atol=1e-5)
    other = client.call("adapt_sample", seed=seed + 1, **inputs)
    assert np.abs(other["weights"] - state["weights"]).max() > 1e-3
    found = client.predict_state(query_x[None], state)
    assert np.isfinite(found["probabilities"]).all()


def test_too_large_a_support_set_is_refused_by_name(client):
    support_x = np.ones((513, SIZE), np.float32)
    with pytest.raises(metazoo.ServingError, match="more than 512 examples"):
        client.adapt(support_x, np.arange(513) % 2)


def test_faulty_task_spoils_only_itself(client, learner):
    support_x, labels, query_x = task(3, 2)
    both = np.stack([support_x, support_x])
    wrong = np.stack([labels, labels - 1])
    found = client.call(
        "adapt_predict",
        support_x=both,
        support_y=wrong,
        query_x=np.stack([query_x, query_x]),
    )
    expected = learner.adapt(support_x, labels).predict(query_x)
    np.testing.assert_allclose(found["probabilities"][0], expected, atol=1e-5)
    assert np.isnan(found["probabilities"][1]).all()
    assert (found["classes"][1] == -1).all()


def pictures(count, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 16, 16, 1)).astype(np.float32)


def test_served_images_equal_the_learner(image_learner, connect):
    client = connect("leo_images")
    support_x, query_x = pictures(6, 0), pictures(4, 1)
    labels = np.repeat(np.arange(3), 2)
    expected = image_learner.adapt(support_x, labels)
    adapted = client.adapt(support_x, labels)
    once = client.adapt_predict(support_x, labels, query_x)
    assert client.example_shape == (16, 16, 1)
    for name, value in expected.state.items():
        np.testing.assert_allclose(adapted.state[name], value, atol=1e-4)
    answer = expected.predict(query_x)
    np.testing.assert_allclose(once["probabilities"], answer, atol=1e-4)
    np.testing.assert_allclose(adapted.predict(query_x), answer, atol=1e-4)
    seed = np.array([[4, 5]], np.int32)
    drawn = client.call(
        "adapt_sample",
        support_x=support_x[None],
        support_y=labels[None],
        seed=seed,
    )
    here = image_learner.adapt_sample(support_x, labels, seed[0]).state
    for name, value in here.items():
        np.testing.assert_allclose(drawn[name], value, atol=1e-4)


@pytest.mark.parametrize("verb", ["adapt", "adapt_sample"])
def test_stored_state_predicts_later_there_and_here(
    learner, client, connect, tmp_path, verb
):
    support_x, labels, query_x = task(3, 2)
    inputs = {"support_x": support_x[None], "support_y": labels[None]}
    if verb == "adapt_sample":
        inputs["seed"] = np.array([[4, 5]], np.int32)
    state = client.call(verb, **inputs)
    path = client.adapted(state).save(tmp_path / "state.npz")
    wanted = learner.adapted(state).predict(query_x)
    found = connect("leo").load_adapted(path).predict(query_x)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    if verb == "adapt":
        own = learner.adapt(support_x, labels).predict(query_x)
        np.testing.assert_allclose(found, own, atol=1e-5)


def test_one_class_alone_is_certain(client):
    support_x, labels, query_x = task(1, 3)
    found = client.adapt_predict(support_x, labels, query_x)
    np.testing.assert_allclose(found["probabilities"], np.ones((4, 1)))


def test_class_beyond_fixed_ways_is_refused_by_name(connect):
    client = connect("leo_images")
    with pytest.raises(metazoo.EpisodeError, match="support_y"):
        client.adapt(pictures(4, 0), np.arange(4))


def call_sample(client, **changes):
    support_x, labels, _ = task(3, 2)
    inputs = {
        "support_x": support_x[None],
        "support_y": labels[None],
        "seed": np.array([[4, 5]], np.int32),
    }
    return client.call("adapt_sample", **{**inputs, **changes})


MISFITS = {
    "width": ("support_x", np.ones((1, 6, SIZE + 1), np.float32)),
    "rank": ("support_x", np.ones((1, 6, SIZE, 1), np.float32)),
    "no_example": ("support_x", np.ones((1, 0, SIZE), np.float32)),
    "labels": ("support_y", np.zeros((1, 5), int)),
    "seed_of_one": ("seed", np.array([[4]], np.int32)),
    "seed_rank": ("seed", np.array([4, 5], np.int32)),
    "seed_dtype": ("seed", np.array([[4.5, 5.5]])),
    "seed_too_large": ("seed", np.array([[2**40, 5]])),
    "too_many": ("support_x", np.ones((1, 513, SIZE), np.float32)),
}


@pytest.mark.parametrize("case", MISFITS)
def test_misfit_of_a_draw_is_refused_by_name(client, case):
    name, value = MISFITS[case]
    changes = {name: value}
    if case == "too_many":
        changes["support_y"] = np.zeros((1, 513), int)
    with pytest.raises(metazoo.MetazooError, match=name):
        call_sample(client, **changes)


@pytest.mark.parametrize(
    ("name", "value"), [("support_x", np.nan), ("support_y", -1)]
)
def test_faulty_draw_is_told_and_refused_as_a_state(client, name, value):
    support_x, labels, query_x = task(3, 2)
    broken = {"support_x": support_x[None], "support_y": labels[None]}[name]
    broken = broken.copy()
    broken[0, 0] = value
    state = call_sample(client, **{name: broken})
    assert np.isnan(state["weights"]).all()
    with pytest.raises(metazoo.EpisodeError, match=r"state .* tasks \[0\]"):
        client.predict_state(query_x[None], state)


@pytest.mark.parametrize("verb", ["adapt", "adapt_predict"])
def test_not_a_number_is_refused_before_it_is_sent(client, verb):
    support_x, labels, query_x = task(3, 2)
    support_x[0, 0] = np.nan
    more = [query_x] if verb == "adapt_predict" else []
    with pytest.raises(metazoo.EpisodeError, match="support_x holds NaN"):
        getattr(client, verb)(support_x, labels, *more)
