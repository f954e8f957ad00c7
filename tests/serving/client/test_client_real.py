"""Padded support sets, bytes and TLS against the embedded server."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.layers import conv4
from metazoo.methods.protonet.protonet_model import ProtoNet
from metazoo.serving import Client, ClientTls, EmbeddedServer, export
from metazoo.serving.server.tls import ServerTls
from metazoo.serving.status import StatusError


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    keras.utils.set_random_seed(0)
    base = tmp_path_factory.mktemp("models") / "protonet"
    export(ProtoNet(conv4((28, 28, 1), filters=4)), base)
    return base


@pytest.fixture(scope="module")
def running(exported):
    with EmbeddedServer({"m": exported}, port=0, rest_port=0) as server:
        yield server


@pytest.fixture(params=["grpc", "rest"])
def open_client(request, running):
    made = []
    ports = {"grpc": running.port, "rest": running.rest_port}

    def make(**options):
        address = f"127.0.0.1:{ports[request.param]}"
        made.append(Client(address, "m", request.param, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


def draw(ways, shots, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (ways * shots + 4, 28, 28, 1))
    labels = np.repeat(np.arange(ways), shots)
    return images[:-4], labels, images[-4:]


def test_unequal_tasks_are_answered_as_each_alone(open_client):
    client = open_client()
    tasks = [draw(3, shots, seed=shots) for shots in (1, 4, 2)]
    x, y, queries = (list(parts) for parts in zip(*tasks, strict=True))
    together = client.adapt_predict(x, y, np.stack(queries))
    adapted = client.adapt(x, y).predict(np.stack(queries))
    for index, task in enumerate(tasks):
        alone = client.adapt_predict(*task)["probabilities"]
        np.testing.assert_allclose(
            together["probabilities"][index], alone, atol=1e-5
        )
        np.testing.assert_allclose(adapted[index], alone, atol=1e-5)


def test_a_mask_equals_leaving_out(open_client):
    x, y, queries = draw(3, 3, seed=0)
    mask = np.arange(9) % 3 > 0
    client = open_client()
    masked = client.adapt(x, y, support_mask=mask).predict(queries)
    kept = client.adapt(x[mask], y[mask]).predict(queries)
    np.testing.assert_allclose(masked, kept, atol=1e-6)


def test_bytes_and_numbers_are_answered_alike(running):
    x, y, queries = draw(3, 2, seed=1)
    address = f"127.0.0.1:{running.rest_port}"
    answers = []
    for encoding in ("json", "base64", "auto"):
        with Client(address, "m", "rest", encoding=encoding) as client:
            answers.append(client.adapt_predict(x, y, queries))
    for name, numbers in answers[0].items():
        for raw in answers[1:]:
            np.testing.assert_array_equal(numbers, raw[name])


def test_both_ports_want_the_client_certificate(exported, certificates):
    read = {
        name: (certificates / name).read_text()
        for name in ("server.key", "server.pem", "ca.pem")
    }
    server_tls = ServerTls(
        read["server.key"], read["server.pem"], read["ca.pem"], True
    )
    ca = certificates / "ca.pem"
    known = ClientTls(
        ca, certificates / "client.pem", certificates / "client.key"
    )
    task = draw(3, 1, seed=0)
    with EmbeddedServer(
        {"m": exported}, port=0, rest_port=0, tls=server_tls
    ) as server:
        for transport, port in (
            ("grpc", server.port),
            ("rest", server.rest_port),
        ):
            address = f"127.0.0.1:{port}"
            with Client(address, "m", transport, tls=known) as client:
                assert client.adapt_predict(*task)["logits"].shape == (4, 3)
            for tls, match in (
                (ClientTls(ca), "client certificate"),
                (ClientTls(certificates / "other.pem"), "not trusted"),
                (None, "speaks TLS"),
            ):
                with (
                    Client(address, "m", transport, tls=tls) as client,
                    pytest.raises(StatusError, match=match) as caught,
                ):
                    client.status()
                assert caught.value.code == "UNAVAILABLE"
