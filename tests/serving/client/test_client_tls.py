"""Encrypted connections, and what is said when they don't come about."""

from __future__ import annotations

import pytest

from metazoo.errors import ServingError
from metazoo.serving import Client, ClientTls
from metazoo.serving.status import StatusError
from metazoo.serving.transports import base


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(base, "FIRST_PAUSE", 0.001)


@pytest.fixture
def tls(certificates):
    """Makes options of file names: `tls("ca", "client")`."""

    def make(ca="ca", name=None, **more):
        pair = {}
        if name is not None:
            pair["certificate"] = certificates / f"{name}.pem"
            pair["key"] = certificates / f"{name}.key"
        return ClientTls(ca=certificates / f"{ca}.pem", **pair, **more)

    return make


def refused(transport, address, options):
    with (
        Client(address, "stub", transport, tls=options) as client,
        pytest.raises(StatusError) as caught,
    ):
        client.status()
    assert caught.value.code == "UNAVAILABLE"
    return caught.value.message


def test_a_trusted_server_answers(tls_stub, tls, tasks):
    transport, address = tls_stub()
    with Client(address, "stub", transport, tls=tls()) as client:
        assert client.adapt_predict(*tasks())["logits"].shape == (4, 3)


def test_what_the_system_trusts_is_trusted(tls_stub, monkeypatch, certificates):
    transport, address = tls_stub()
    assert "not trusted" in refused(transport, address, ClientTls())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    with Client(address, "stub", transport, tls=ClientTls()) as client:
        assert client.status()
    if transport == "rest":
        with Client(f"https://{address}", "stub", "rest") as client:
            assert client.status()


def test_a_plain_address_with_certificates_is_refused():
    with pytest.raises(ServingError, match="plain HTTP"):
        Client("http://127.0.0.1:1", "stub", "rest", tls=ClientTls())


def test_an_unknown_authority_is_told(tls_stub, tls):
    message = refused(*tls_stub(), tls("other"))
    assert "not trusted" in message
    assert "CERTIFICATE_VERIFY_FAILED" in message


def test_another_host_name_is_told_and_can_be_given(tls_stub, tls):
    transport, address = tls_stub()
    wrong = tls(server_name="elsewhere.example")
    assert "another host name" in refused(transport, address, wrong)
    right = tls(server_name="models.example")
    with Client(address, "stub", transport, tls=right) as client:
        assert client.status()


def test_a_client_certificate_opens_the_server(tls_stub, tls):
    transport, address = tls_stub(client_certificates=True)
    right = tls(name="client")
    with Client(address, "stub", transport, tls=right) as client:
        assert client.status()


@pytest.mark.parametrize("name", [None, "bad"])
def test_without_its_certificate_a_client_gets_nowhere(
    tls_stub, tls, model, name
):
    message = refused(*tls_stub(client_certificates=True), tls(name=name))
    assert "client certificate" in message
    assert model.metadata_calls == 0


def test_a_plain_client_is_told_that_the_server_speaks_tls(tls_stub):
    assert "speaks TLS" in refused(*tls_stub(), None)


def test_tls_to_a_plain_server_is_told(stub, grpc_stub, tls):
    transport = "grpc" if stub is grpc_stub else "rest"
    message = refused(transport, f"127.0.0.1:{stub.port}", tls())
    assert "does not speak TLS" in message


def test_trust_is_not_tried_again(tls_stub, tls, monkeypatch):
    slept = []
    monkeypatch.setattr(base.time, "sleep", slept.append)
    refused(*tls_stub(), tls("other"))
    assert slept == []


@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({"ca": "missing.pem"}, "tls.ca .*missing.pem"),
        ({"ca": "server.key"}, "tls.ca .*server.key"),
        ({"certificate": "client.pem"}, "belong together"),
        ({"certificate": "client.pem", "key": "bad.key"}, "bad.key"),
        ({"certificate": "none.pem", "key": "bad.key"}, "none.pem"),
    ],
)
def test_files_that_can_not_be_used_are_named(
    certificates, transport, files, match
):
    options = ClientTls(**{k: certificates / v for k, v in files.items()})
    with pytest.raises(ServingError, match=match):
        Client("127.0.0.1:1", "stub", transport, tls=options)
