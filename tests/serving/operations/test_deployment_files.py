"""compose.yaml, kubernetes.yaml and kserve.yaml: what must hold together.

The files are checked by Python here; the real tools only where they are.
"""

import os
import shutil
import subprocess

import pytest
import yaml

from metazoo.serving.operations import Settings, TlsFiles, serve_config
from metazoo.serving.operations.flags import server_flags
from metazoo.serving.operations.settings import IMAGE


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))


def kubernetes(served):
    found = documents(served / "kubernetes.yaml")
    return {(d["kind"], d["metadata"]["name"]): d for d in found}


def compose(served):
    (document,) = documents(served / "compose.yaml")
    return document["services"]


def pod(objects):
    return objects["Deployment", "metazoo"]["spec"]["template"]["spec"]


def container(objects):
    (only,) = pod(objects)["containers"]
    return only


def encrypted(written, pem):
    settings = Settings(user=os.getuid() or 10001)
    return written(settings, tls=TlsFiles(*pem))


def flag_values(flags):
    pairs = [flag.removeprefix("--").partition("=") for flag in flags]
    return {name: value for name, _, value in pairs}


def test_flags_are_those_of_the_server():
    flags = flag_values(server_flags(Settings(cpus=3), tls=False))
    assert flags == {
        "port": "8500",
        "rest_api_port": "8501",
        "model_config_file": "/config/models.config",
        "model_config_file_poll_wait_seconds": "30",
        "allow_version_labels_for_unavailable_models": "true",
        "enable_grpc_healthcheck_service": "true",
        "monitoring_config_file": "/config/monitoring.config",
        "num_load_threads": "1",
        "tensorflow_intra_op_parallelism": "3",
        "tensorflow_inter_op_parallelism": "3",
        "enable_batching": "true",
        "batching_parameters_file": "/config/batching.txt",
    }


def test_flags_of_files_follow_the_settings():
    plain = flag_values(server_flags(Settings(batching=False), tls=False))
    assert not {"enable_batching", "batching_parameters_file"} & set(plain)
    tls = flag_values(server_flags(Settings(), tls=True))
    assert tls["ssl_config_file"] == "/config/ssl.config"


def mounted(flags, mounts, served):
    """Every file that a flag names, as a file on this machine."""
    files = []
    for value in flag_values(flags).values():
        for inside, outside in mounts.items():
            if value.startswith(inside + "/"):
                files.append(served / outside / value[len(inside) + 1 :])
    return files


def test_compose_mounts_every_file_that_the_flags_name(written, pem):
    served = encrypted(written, pem)
    serving = compose(served)["serving"]
    mounts = {}
    for volume in serving["volumes"]:
        outside, inside, mode = volume.split(":")
        assert mode == "ro"
        mounts[inside] = outside
    files = mounted(serving["command"], mounts, served)
    assert {path.name for path in files} == {
        "models.config",
        "monitoring.config",
        "batching.txt",
        "ssl.config",
    }
    assert all(path.is_file() for path in files)
    assert (served / mounts["/models"] / "characters" / "1").is_dir()


def test_compose_listens_on_loopback_as_a_user_without_rights(written):
    services = compose(written())
    for name, service in services.items():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), name
    serving = services["serving"]
    assert serving["user"] == "10001:10001"
    assert serving["cap_drop"] == ["ALL"]
    assert serving["read_only"] and serving["init"]
    assert serving["image"] == IMAGE
    assert serving["mem_limit"] == 4 * 2**30


def test_plain_rest_is_not_offered_beside_tls(written, pem):
    served = encrypted(written, pem)
    assert compose(served)["serving"]["ports"] == ["127.0.0.1:8500:8500"]
    for (kind, _), found in kubernetes(served).items():
        if kind == "Service":
            ports = [port["name"] for port in found["spec"]["ports"]]
            assert ports == ["grpc"]


def test_key_is_in_no_other_file(written, pem):
    served = encrypted(written, pem)
    secret = (served / "config" / "ssl.config").read_text()
    assert "PRIVATE KEY" in secret
    others = [path for path in served.rglob("*") if path.is_file()]
    others.remove(served / "config" / "ssl.config")
    for path in others:
        assert b"PRIVATE KEY" not in path.read_bytes(), path


def test_every_selector_finds_the_pods(written):
    objects = kubernetes(written(Settings(max_replicas=5)))
    deployment = objects["Deployment", "metazoo"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    for (kind, _), found in objects.items():
        if kind == "Service":
            assert found["spec"]["selector"] == labels
    budget = objects["PodDisruptionBudget", "metazoo"]["spec"]
    assert budget["selector"]["matchLabels"] == labels
    (spread,) = pod(objects)["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == labels


def test_every_mount_has_a_volume_and_every_file_is_in_the_config(written):
    served = written()
    objects = kubernetes(served)
    volumes = {volume["name"]: volume for volume in pod(objects)["volumes"]}
    mounts = {m["name"]: m for m in container(objects)["volumeMounts"]}
    assert set(mounts) == set(volumes)
    assert mounts["models"]["readOnly"] and mounts["config"]["readOnly"]
    claim = volumes["models"]["persistentVolumeClaim"]
    assert claim == {"claimName": "metazoo-models", "readOnly": True}
    (source,) = volumes["config"]["projected"]["sources"]
    config = objects["ConfigMap", source["configMap"]["name"]]["data"]
    named = mounted(
        container(objects)["args"],
        {mounts["config"]["mountPath"]: "config"},
        served,
    )
    assert {path.name for path in named} == set(config)
    for path in named:
        assert path.read_text() == config[path.name]


def test_probes_ask_ports_that_the_container_has(written):
    found = container(kubernetes(written()))
    ports = {port["name"]: port["containerPort"] for port in found["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    for name in ("startupProbe", "readinessProbe"):
        get = found[name]["httpGet"]
        assert get == {"path": "/v1/models/characters", "port": "rest"}
    assert found["livenessProbe"]["grpc"]["port"] == 8500


def test_liveness_with_tls_needs_no_plain_grpc(written, pem):
    objects = kubernetes(encrypted(written, pem))
    probe = container(objects)["livenessProbe"]
    assert "grpc" not in probe
    assert probe["tcpSocket"] == {"port": "grpc"}
    sources = pod(objects)["volumes"][1]["projected"]["sources"]
    assert {"secret": {"name": "metazoo-tls"}} in sources


def test_replicas_are_either_fixed_or_scaled(written):
    objects = kubernetes(written(Settings(replicas=3)))
    assert objects["Deployment", "metazoo"]["spec"]["replicas"] == 3
    assert ("HorizontalPodAutoscaler", "metazoo") not in objects
    settings = Settings(replicas=3, max_replicas=9)
    objects = kubernetes(written(settings, force=True))
    assert "replicas" not in objects["Deployment", "metazoo"]["spec"]
    scaler = objects["HorizontalPodAutoscaler", "metazoo"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 9)
    assert scaler["scaleTargetRef"]["name"] == "metazoo"


def test_pods_run_without_rights(written):
    objects = kubernetes(written())
    assert pod(objects)["securityContext"]["runAsNonRoot"]
    assert pod(objects)["securityContext"]["runAsUser"] == 10001
    assert not pod(objects)["automountServiceAccountToken"]
    context = container(objects)["securityContext"]
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"] == {"drop": ["ALL"]}


def test_kserve_has_one_service_a_model(tmp_path, versions):
    served = serve_config(
        {"one": versions(1), "two": versions(1, name="two")},
        tmp_path / "served",
        settings=Settings(storage_uri="s3://bucket/models", max_replicas=4),
    )
    config, *services = documents(served / "kserve.yaml")
    assert [service["metadata"]["name"] for service in services] == [
        "one",
        "two",
    ]
    for service in services:
        name = service["metadata"]["name"]
        predictor = service["spec"]["predictor"]
        assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 4)
        model = predictor["model"]
        assert model["storageUri"] == f"s3://bucket/models/{name}"
        (volume,) = predictor["volumes"]
        assert volume["configMap"]["name"] == config["metadata"]["name"]
        assert model["volumeMounts"][0]["name"] == volume["name"]
        files = mounted(model["args"], {"/config": "config"}, served)
        assert {path.name for path in files} == set(config["data"])
        # The runtime gives these itself.
        own = {"port", "rest_api_port", "model_config_file"}
        assert not own & set(flag_values(model["args"]))


def test_two_models_are_both_checked_for_health(tmp_path, versions):
    served = serve_config(
        {"one": versions(1), "two": versions(1, name="two")},
        tmp_path / "served",
    )
    test = compose(served)["serving"]["healthcheck"]["test"]
    assert test[:3] == ["CMD", "bash", "-c"]
    assert "for model in one two;" in test[3]
    assert "$" not in test[3].replace("$$", "")


def test_docker_compose_reads_the_file(written):
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    version = subprocess.run(["docker", "compose", "version"], check=False)
    if version.returncode:
        pytest.skip("docker has no compose plugin")
    served = written()
    subprocess.run(
        ["docker", "compose", "--file", "compose.yaml", "config", "--quiet"],
        cwd=served,
        check=True,
    )


def test_kubernetes_objects_follow_their_schemas(written):
    validate = pytest.importorskip("kubernetes_validate")
    for found in kubernetes(written(Settings(max_replicas=5))).values():
        validate.validate(found, validate.latest_version(), strict=True)
