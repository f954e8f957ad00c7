"""The folder as a whole: complete or not there, and safe to write again."""

import os
import stat

import pytest

from metazoo.errors import ExportError, ServingError
from metazoo.serving.config_protos import (
    BatchingParameters,
    MonitoringConfig,
    SSLConfig,
    read_text,
)
from metazoo.serving.operations import (
    Policy,
    Settings,
    TlsFiles,
    folder,
    serve_config,
)
from metazoo.serving.server.config import from_file

FILES = {
    "compose.yaml",
    "config/batching.txt",
    "config/models.config",
    "config/monitoring.config",
    "grafana/dashboard.json",
    "kserve.yaml",
    "kubernetes.yaml",
    "models.local.config",
    "prometheus/alerts.yml",
    "prometheus/prometheus.yml",
}
LABELS = {"m": {"stable": 3, "canary": 4}}


def contents(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def names(root):
    return {name for name in contents(root) if not name.startswith("models/")}


def test_folder_holds_the_models_and_every_file(written):
    served = written()
    assert names(served) == FILES
    version = served / "models" / "characters" / "1"
    assert (version / "saved_model.pb").read_bytes() == b"graph 1"
    assert (version / "variables" / "variables.index").is_file()


def test_configs_differ_in_the_models_place_alone(written):
    served = written(Settings(root="/srv/models"))
    (there,) = from_file(served / "config" / "models.config")
    (here,) = from_file(served / "models.local.config")
    assert str(there.base_path) == "/srv/models/characters"
    assert here.base_path == served / "models" / "characters"
    assert (there.name, there.latest) == (here.name, here.latest)


def test_server_files_hold_the_settings(written):
    settings = Settings(
        max_batch_size=16,
        batch_timeout_micros=500,
        max_enqueued_batches=7,
        allowed_batch_sizes=(4, 16),
        cpus=3,
    )
    config = written(settings) / "config"
    batching = read_text(config / "batching.txt", BatchingParameters)
    assert batching.max_batch_size.value == 16
    assert batching.batch_timeout_micros.value == 500
    assert batching.max_enqueued_batches.value == 7
    assert batching.num_batch_threads.value == 3
    assert list(batching.allowed_batch_sizes) == [4, 16]
    assert not batching.pad_variable_length_inputs
    found = read_text(config / "monitoring.config", MonitoringConfig)
    assert found.prometheus_config.enable
    assert found.prometheus_config.path == "/monitoring/prometheus/metrics"


def test_writing_again_changes_no_byte(written, tmp_path):
    first = contents(written())
    served = serve_config(
        {"characters": tmp_path / "source"}, tmp_path / "served", force=True
    )
    assert contents(served) == first


def test_folder_in_use_is_refused_without_force(written, tmp_path):
    served = written()
    before = contents(served)
    with pytest.raises(ServingError, match="--force"):
        serve_config({"characters": tmp_path / "source"}, served)
    assert contents(served) == before


def test_empty_folder_is_filled(tmp_path, versions):
    (tmp_path / "served").mkdir()
    assert names(serve_config({"m": versions(1)}, tmp_path / "served")) == FILES


def test_file_in_the_way_is_named(tmp_path, versions):
    (tmp_path / "served").write_text("")
    with pytest.raises(ServingError, match="served is no folder"):
        serve_config({"m": versions(1)}, tmp_path / "served", force=True)


def test_failure_leaves_nothing(tmp_path, versions, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(folder, "write_file", fail)
    source = versions(1)
    before = set(tmp_path.iterdir())
    with pytest.raises(OSError, match="disk full"):
        serve_config({"m": source}, tmp_path / "served")
    assert set(tmp_path.iterdir()) == before


def test_wrong_label_writes_nothing(tmp_path, versions):
    with pytest.raises(ServingError, match="ask for version 2; there is 1"):
        serve_config(
            {"m": versions(1)}, tmp_path / "served", labels={"m": {"new": 2}}
        )
    assert not (tmp_path / "served").exists()


def test_highest_version_is_served_by_default(tmp_path, versions):
    served = serve_config({"m": versions(1, 2, 10)}, tmp_path / "served")
    assert [p.name for p in (served / "models" / "m").iterdir()] == ["10"]


def test_labels_serve_the_labelled_versions(tmp_path, versions):
    served = serve_config(
        {"m": versions(1, 3, 4, 5)}, tmp_path / "served", labels=LABELS
    )
    (config,) = from_file(served / "config" / "models.config")
    assert config.specific == (3, 4)
    assert dict(config.labels) == LABELS["m"]
    copied = {path.name for path in (served / "models" / "m").iterdir()}
    assert copied == {"3", "4"}


def test_policy_that_drops_a_labelled_version_is_refused(tmp_path, versions):
    with pytest.raises(ServingError, match="version 3, which the policy"):
        serve_config(
            {"m": versions(3, 4)},
            tmp_path / "served",
            labels=LABELS,
            policies={"m": Policy(latest=1)},
        )


def test_force_adds_versions_and_keeps_old_ones(tmp_path, versions):
    served = serve_config({"m": versions(1)}, tmp_path / "served")
    serve_config({"m": versions(2, name="next")}, served, force=True)
    found = {path.name for path in (served / "models" / "m").iterdir()}
    assert found == {"1", "2"}


def test_own_folder_as_source_copies_nothing(tmp_path, versions):
    served = serve_config(
        *({"m": versions(3, 4)}, tmp_path / "served"),
        policies={"m": Policy(latest=0)},
    )
    before = contents(served / "models")
    own = {"m": served / "models" / "m"}
    serve_config(own, served, labels=LABELS, force=True)
    assert contents(served / "models") == before
    (config,) = from_file(served / "config" / "models.config")
    assert dict(config.labels) == LABELS["m"]


def test_version_that_differs_is_never_replaced(tmp_path, versions):
    served = serve_config({"m": versions(1)}, tmp_path / "served")
    other = versions(1, name="other")
    (other / "1" / "saved_model.pb").write_bytes(b"another graph")
    with pytest.raises(ExportError, match="never replaced"):
        serve_config({"m": other}, served, force=True)
    kept = served / "models" / "m" / "1" / "saved_model.pb"
    assert kept.read_bytes() == b"graph 1"


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({}, "no model is named"),
        ({"Upper": "x"}, "model name is 'Upper'"),
        ({"../m": "x"}, "model name is '../m'"),
        ({"m": "/nowhere"}, "holds no version"),
    ],
)
def test_wrong_models_are_named(tmp_path, models, message):
    with pytest.raises(ServingError, match=message):
        serve_config(models, tmp_path / "served")
    assert not (tmp_path / "served").exists()


def test_version_folder_as_source_is_explained(tmp_path, versions):
    with pytest.raises(ServingError, match="is a version folder"):
        serve_config({"m": versions(1) / "1"}, tmp_path / "served")


def test_version_without_a_graph_is_named(tmp_path, versions):
    source = versions(1)
    (source / "2").mkdir()
    with pytest.raises(ServingError, match=r"2 holds no saved_model\.pb"):
        serve_config({"m": source}, tmp_path / "served")


@pytest.mark.parametrize("option", ["labels", "policies"])
def test_unknown_model_of_an_option_is_named(tmp_path, versions, option):
    value = {"labels": {"x": 1}, "policies": Policy()}[option]
    arguments = ({"m": versions(1)}, tmp_path / "served")
    with pytest.raises(ServingError, match="for other; the models are m"):
        serve_config(*arguments, **{option: {"other": value}})


def test_everybody_may_read_all_but_the_key(written, pem):
    old = os.umask(0o077)
    try:
        served = written(
            Settings(user=os.getuid() or 10001), tls=TlsFiles(*pem)
        )
    finally:
        os.umask(old)
    for path in (served, *served.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        secret = path.name == "ssl.config"
        expected = 0o600 if secret else 0o755 if path.is_dir() else 0o644
        assert mode == expected, path


def test_container_user_owns_the_key(written, pem):
    user = os.getuid() or 10001
    served = written(Settings(user=user), tls=TlsFiles(*pem))
    assert (served / "config" / "ssl.config").stat().st_uid == user


def test_key_that_cannot_be_given_away_is_refused(written, pem, monkeypatch):
    def refuse(*_):
        raise PermissionError("not yours to give")

    monkeypatch.setattr(os, "fchown", refuse)
    other = os.getuid() + 1
    with pytest.raises(ServingError, match=f"--user {os.getuid()}"):
        written(Settings(user=other), tls=TlsFiles(*pem))


def test_tls_file_holds_the_texts(written, pem):
    key, cert = pem
    settings = Settings(user=os.getuid() or 10001)
    served = written(settings, tls=TlsFiles(key, cert, cert))
    found = read_text(served / "config" / "ssl.config", SSLConfig)
    assert found.server_key == key.read_text()
    assert found.server_cert == found.custom_ca == cert.read_text()
    assert found.client_verify


@pytest.mark.parametrize("swapped", [True, False])
def test_wrong_pem_file_is_named(written, pem, tmp_path, swapped):
    key, cert = pem
    wrong = TlsFiles(cert, key) if swapped else TlsFiles(key, tmp_path / "no")
    with pytest.raises(ServingError, match=r"cert\.pem holds no|no can't be"):
        written(tls=wrong)
    assert not (tmp_path / "served").exists()


def test_encrypted_key_is_refused(written, pem):
    key, cert = pem
    key.write_text(key.read_text().replace("PRIVATE", "ENCRYPTED PRIVATE"))
    with pytest.raises(ServingError, match="no password"):
        written(tls=TlsFiles(key, cert))


def test_what_is_no_longer_asked_for_goes(written, pem, tmp_path):
    served = written(Settings(user=os.getuid() or 10001), tls=TlsFiles(*pem))
    source = {"characters": tmp_path / "source"}
    serve_config(source, served, Settings(batching=False), force=True)
    assert names(served) == FILES - {"config/batching.txt"}
