"""Certificates on both ports: who gets in, and what is refused."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl

import grpc
import pytest
import trustme
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
)

from metazoo.errors import ServingError
from metazoo.serving import EmbeddedServer, serve
from metazoo.serving.config_protos import SSLConfig, write_text
from metazoo.serving.server.tls import ServerTls
from metazoo.serving.server_files import ServerFiles


class Pems:
    """A certificate authority, with one certificate of each kind."""

    def __init__(self, folder):
        self.ca = trustme.CA()
        self.server = self.ca.issue_cert("127.0.0.1")
        self.client = self.ca.issue_cert("client@example.org")
        self.stranger = trustme.CA().issue_cert("client@example.org")
        self.folder = folder

    @property
    def ca_text(self):
        return self.ca.cert_pem.bytes().decode()

    def pair(self, leaf):
        key = leaf.private_key_pem.bytes().decode()
        chain = "".join(b.bytes().decode() for b in leaf.cert_chain_pems)
        return key, chain

    def config(self, **changes):
        key, chain = self.pair(self.server)
        fields = {
            "server_key": key,
            "server_cert": chain,
            "custom_ca": self.ca_text,
            "client_verify": True,
            **changes,
        }
        path = self.folder / "ssl.config"
        path.write_text(write_text(SSLConfig(**fields)))
        return path

    def context(self, leaf=None):
        made = ssl.create_default_context(cadata=self.ca_text)
        if leaf is not None:
            leaf.configure_cert(made)
        return made

    def credentials(self, leaf=None):
        key, chain = self.pair(leaf) if leaf else (None, None)
        return grpc.ssl_channel_credentials(
            self.ca_text.encode(),
            key and key.encode(),
            chain and chain.encode(),
        )


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    return Pems(tmp_path_factory.mktemp("pems"))


@pytest.fixture(scope="module")
def mutual(model_dir, pems):
    with EmbeddedServer({"linear": model_dir}, 0, 0, tls=pems.config()) as made:
        yield made


@pytest.fixture(scope="module")
def one_sided(model_dir, pems):
    path = pems.config(client_verify=False, custom_ca="")
    with EmbeddedServer({"linear": model_dir}, 0, 0, tls=path) as made:
        yield made


def ask_grpc(server, credentials):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "linear"
    address = f"127.0.0.1:{server.port}"
    with (
        grpc.secure_channel(address, credentials)
        if credentials
        else grpc.insecure_channel(address)
    ) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        return stub.GetModelStatus(request, timeout=20)


def ask_rest(server, context):
    made = (
        http.client.HTTPSConnection(
            "127.0.0.1", server.rest_port, timeout=20, context=context
        )
        if context
        else http.client.HTTPConnection(
            "127.0.0.1", server.rest_port, timeout=20
        )
    )
    try:
        made.request("GET", "/v1/models/linear")
        return json.loads(made.getresponse().read())
    finally:
        made.close()


def test_client_with_a_certificate_is_answered(mutual, pems):
    answer = ask_grpc(mutual, pems.credentials(pems.client))
    assert answer.model_version_status[0].version == 1
    answer = ask_rest(mutual, pems.context(pems.client))
    assert answer["model_version_status"][0]["version"] == "1"


@pytest.mark.parametrize("who", ["nobody", "stranger", "plain"])
def test_client_without_the_right_certificate_gets_nowhere(mutual, pems, who):
    leaf = {"nobody": None, "stranger": pems.stranger, "plain": None}[who]
    plain = who == "plain"
    with pytest.raises(grpc.RpcError) as caught:
        ask_grpc(mutual, None if plain else pems.credentials(leaf))
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    with pytest.raises((OSError, http.client.HTTPException)):
        ask_rest(mutual, None if plain else pems.context(leaf))
    # The server lives.
    ask_rest(mutual, pems.context(pems.client))


def test_without_verification_every_client_is_answered_encrypted(
    one_sided, pems
):
    ask_grpc(one_sided, pems.credentials())
    ask_rest(one_sided, pems.context())
    with pytest.raises((OSError, http.client.HTTPException)):
        ask_rest(one_sided, None)


def test_old_protocol_is_refused(one_sided, pems):
    context = pems.context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    address = ("127.0.0.1", one_sided.rest_port)
    with (
        socket.create_connection(address, 20) as opened,
        pytest.raises(OSError),
    ):
        context.wrap_socket(opened, server_hostname="127.0.0.1")


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"server_key": ""}, "server_key is missing"),
        ({"server_cert": "no PEM"}, "no matching pair"),
        ({"custom_ca": ""}, "client_verify needs custom_ca"),
        ({"custom_ca": "no PEM"}, "custom_ca holds no certificates"),
    ],
)
def test_bad_file_names_file_and_field(pems, changes, part):
    path = pems.config(**changes)
    with pytest.raises(ServingError, match=part) as caught:
        ServerTls.from_file(path)
    assert str(path) in str(caught.value)


def test_key_of_another_certificate_is_refused(pems):
    key, _ = pems.pair(pems.client)
    with pytest.raises(ServingError, match="no matching pair"):
        ServerTls.from_file(pems.config(server_key=key))


def test_key_is_not_shown(pems):
    tls = ServerTls.from_file(pems.config())
    assert "PRIVATE" not in repr(tls)


def test_binary_with_open_rest_port_is_refused(
    pems, model_dir, monkeypatch, tmp_path
):
    binary = tmp_path / "tensorflow_model_server"
    binary.write_text("#!/bin/sh\nexit 9\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    files = ServerFiles(ssl=pems.config())
    with pytest.raises(ServingError, match="--no-rest"):
        serve({"linear": model_dir}, 1, 2, "0.0.0.0", files=files)
