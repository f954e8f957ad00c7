"""A label moves on a running server, and back, by the reload RPC."""

import json
import shutil
import urllib.request

import pytest
import trustme

from metazoo.errors import ServingError
from metazoo.serving import ClientTls, EmbeddedServer
from metazoo.serving.operations import Policy, reload_models, serve_config
from metazoo.serving.server.config import from_file
from metazoo.serving.server.tls import ServerTls
from metazoo.serving.status import StatusError

BOTH = {"linear": Policy(specific=(1, 2))}


@pytest.fixture(scope="module")
def two_versions(model_dir, tmp_path_factory):
    base = tmp_path_factory.mktemp("two") / "linear"
    for number in ("1", "2"):
        shutil.copytree(model_dir / "1", base / number)
    return base


@pytest.fixture
def served(two_versions, tmp_path):
    return serve_config(
        {"linear": two_versions},
        tmp_path / "served",
        labels={"linear": {"stable": 1}},
    )


@pytest.fixture
def server(served):
    configs = from_file(served / "models.local.config")
    with EmbeddedServer(
        configs, port=0, rest_port=0, allow_unavailable_labels=True
    ) as running:
        yield running


def labelled(server, label):
    """Version that the label leads to."""
    address = f"http://127.0.0.1:{server.rest_port}/v1/models/linear"
    with urllib.request.urlopen(f"{address}/labels/{label}/metadata") as answer:
        return json.load(answer)["model_spec"]["version"]


def give(server, served, source, labels, policies=None):
    serve_config(
        {"linear": source},
        served,
        labels={"linear": labels},
        policies=policies,
        force=True,
    )
    reload_models(f"127.0.0.1:{server.port}", served / "models.local.config")


def test_label_moves_and_moves_back(server, served, two_versions):
    assert labelled(server, "stable") == "1"
    give(server, served, two_versions, {"stable": 1, "canary": 2})
    assert labelled(server, "stable") == "1"
    assert labelled(server, "canary") == "2"
    own = served / "models" / "linear"
    give(server, served, own, {"stable": 2}, BOTH)
    assert labelled(server, "stable") == "2"
    give(server, served, own, {"stable": 1}, BOTH)
    assert labelled(server, "stable") == "1"


def test_servers_refusal_is_raised(server, tmp_path):
    path = tmp_path / "models.config"
    path.write_text(
        'model_config_list { config { name: "m" base_path: "here" '
        'model_platform: "tensorflow" } }'
    )
    with pytest.raises(StatusError) as raised:
        reload_models(f"127.0.0.1:{server.port}", path)
    assert raised.value.code == "INVALID_ARGUMENT"
    assert "absolute" in raised.value.message


def test_tls_is_that_of_the_client(served, tmp_path):
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ServerTls(
        leaf.private_key_pem.bytes().decode(),
        leaf.cert_chain_pems[0].bytes().decode(),
    )
    config = served / "models.local.config"
    with EmbeddedServer(
        from_file(config), 0, None, tls=tls, allow_unavailable_labels=True
    ) as running:
        address = f"localhost:{running.port}"
        reload_models(address, config, tls=ClientTls(tmp_path / "ca.pem"))
        with pytest.raises(StatusError, match="UNAVAILABLE") as raised:
            reload_models(address, config, timeout=10)
        assert address in raised.value.message


def test_nobody_there_is_unavailable(served, free_port):
    with pytest.raises(StatusError) as raised:
        reload_models(f"127.0.0.1:{free_port}", served / "models.local.config")
    assert raised.value.code == "UNAVAILABLE"


@pytest.mark.parametrize("text", ["", "model_config_list {}", "nonsense"])
def test_file_without_models_is_refused(tmp_path, text):
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ServingError, match=r"models\.config"):
        reload_models("127.0.0.1:1", path)
