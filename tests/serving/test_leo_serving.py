"""LEO over the wire: feature vectors, draws by seed, the limit of support."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import metazoo
from metazoo.layers import features
from metazoo.serving import Client, EmbeddedServer, export

SIZE = 12


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    return metazoo.LEO(features(SIZE), latent_size=4)


@pytest.fixture(scope="module")
def server(learner, tmp_path_factory):
    base = tmp_path_factory.mktemp("served") / "leo"
    export(learner, base)
    with EmbeddedServer({"leo": base}, port=0, rest_port=0) as running:
        yield running


@pytest.fixture(params=["grpc", "rest"])
def client(request, server):
    port = server.port if request.param == "grpc" else server.rest_port
    with Client(f"127.0.0.1:{port}", "leo", request.param) as opened:
        yield opened


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
