"""The straight way with a learner of the zoo: export, serve, ask."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.errors import EpisodeError
from metazoo.layers import conv4
from metazoo.methods.protonet.protonet_model import ProtoNet
from metazoo.serving import Client, EmbeddedServer, export


@pytest.fixture(scope="module")
def protonet():
    keras.utils.set_random_seed(0)
    return ProtoNet(conv4((28, 28, 1), filters=8))


@pytest.fixture(scope="module")
def protonet_server(protonet, tmp_path_factory):
    base = tmp_path_factory.mktemp("real") / "protonet"
    export(protonet, base)
    with EmbeddedServer({"protonet": base}, port=0, rest_port=0) as server:
        yield server


@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize(("ways", "shots"), [(2, 1), (5, 3)])
def test_served_protonet_equals_the_learner(
    protonet, protonet_server, transport, ways, shots
):
    rng = np.random.default_rng(ways)
    support_x = rng.integers(0, 256, (ways * shots, 28, 28, 1))
    support_y = np.repeat(np.arange(ways), shots)
    query_x = rng.integers(0, 256, (7, 28, 28, 1))
    expected = protonet.adapt(support_x, support_y)
    port = getattr(
        protonet_server, "port" if transport == "grpc" else "rest_port"
    )
    with Client(f"127.0.0.1:{port}", "protonet", transport) as client:
        adapted = client.adapt(support_x, support_y)
        once = client.adapt_predict(support_x, support_y, query_x)
    for name, value in expected.state.items():
        np.testing.assert_allclose(adapted.state[name], value, atol=1e-4)
    answer = expected.predict(query_x)
    assert answer.shape == (7, ways)
    np.testing.assert_allclose(once["probabilities"], answer, atol=1e-5)


def test_remote_state_predicts_at_home(protonet, protonet_server):
    rng = np.random.default_rng(0)
    support_x = rng.integers(0, 256, (5, 28, 28, 1))
    query_x = rng.integers(0, 256, (4, 28, 28, 1))
    address = f"127.0.0.1:{protonet_server.port}"
    with Client(address, "protonet") as client:
        remote = client.adapt(support_x, np.arange(5))
        served = remote.predict(query_x)
    at_home = protonet.adapted(remote.state).predict(query_x)
    np.testing.assert_allclose(at_home, served, atol=1e-5)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_label_beyond_the_served_ways_is_refused(protonet_server, transport):
    support_x = np.full((2, 5, 28, 28, 1), 100.0)
    labels = np.array([[0, 1, 2, 3, 4], [0, 1, 2, 3, 10**6]])
    port = getattr(
        protonet_server, "port" if transport == "grpc" else "rest_port"
    )
    with Client(f"127.0.0.1:{port}", "protonet", transport) as client:
        with pytest.raises(EpisodeError, match=r"support_y .* tasks \[1\]"):
            client.adapt_predict(support_x, labels, support_x)
        with pytest.raises(EpisodeError, match=r"support_y .* tasks \[1\]"):
            client.adapt(support_x, labels)
