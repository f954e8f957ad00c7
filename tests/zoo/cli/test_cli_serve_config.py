"""serve-config: arguments, results and errors."""

import os
import subprocess
import sys

import pytest
import yaml

from metazoo.serving.config_protos import BatchingParameters, read_text
from metazoo.serving.server.config import from_file

NO_TENSORFLOW = """
import sys
from metazoo.cli import main
assert main(sys.argv[1:]) == 0
assert "tensorflow" not in sys.modules
"""


@pytest.fixture
def models(tmp_path):
    """A folder with versions 3 and 4 that look like exports."""
    for number in (3, 4):
        folder = tmp_path / "models" / "pn" / str(number)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(b"graph")
    return tmp_path / "models" / "pn"


@pytest.fixture
def write(run, models, tmp_path):
    """Runs the command on that folder."""

    def call(*options):
        given = ("--model", f"pn={models}", "--output", tmp_path / "served")
        return run("serve-config", *given, *options)

    return call


def test_folder_is_printed_and_cold_starts_are_warned_of(write, tmp_path):
    code, out, err = write()
    assert (code, out) == (0, f"{tmp_path / 'served'}\n")
    assert "version 4 of pn holds no warm-up requests" in err


def test_options_reach_the_files(write, tmp_path):
    code, _, err = write(
        *("--label", "pn:stable=3", "--label", "pn:canary=4"),
        *("--max-batch-size", "8", "--allowed-batch-sizes", "2,8"),
        *("--name", "zoo", "--root", "/srv", "--user", "1234"),
        *("--image", "tensorflow/serving:9.9.9", "--memory", "512Mi"),
        *("--scrape", "one:1", "--scrape", "two:2", "--claim", "disk"),
        *("--config-poll-seconds", "5", "--cpus", "4", "--replicas", "3"),
        *("--max-replicas", "7", "--max-enqueued-batches", "9"),
        *("--batch-timeout-micros", "77", "--storage-uri", "s3://b"),
    )
    assert code == 0, err
    served = tmp_path / "served"
    (config,) = from_file(served / "config" / "models.config")
    assert str(config.base_path) == "/srv/pn"
    assert dict(config.labels) == {"stable": 3, "canary": 4}
    batching = read_text(served / "config/batching.txt", BatchingParameters)
    assert list(batching.allowed_batch_sizes) == [2, 8]
    assert batching.num_batch_threads.value == 4
    assert batching.max_enqueued_batches.value == 9
    assert batching.batch_timeout_micros.value == 77
    compose = yaml.safe_load((served / "compose.yaml").read_text())
    serving = compose["services"]["serving"]
    assert compose["name"] == "zoo"
    assert serving["image"] == "tensorflow/serving:9.9.9"
    assert serving["user"] == "1234:1234"
    assert serving["mem_limit"] == 512 * 2**20
    assert "--model_config_file_poll_wait_seconds=5" in serving["command"]
    kubernetes = (served / "kubernetes.yaml").read_text()
    assert "claimName: disk" in kubernetes
    assert "maxReplicas: 7" in kubernetes
    assert "minReplicas: 3" in kubernetes
    assert "s3://b/pn" in (served / "kserve.yaml").read_text()
    prometheus = (served / "prometheus/prometheus.yml").read_text()
    assert "one:1" in prometheus and "two:2" in prometheus


def test_policy_serves_all(write, tmp_path):
    assert write("--policy", "pn=all")[0] == 0
    (config,) = from_file(tmp_path / "served" / "models.local.config")
    assert config.latest == 0


def test_no_batching_leaves_its_file_out(write, tmp_path):
    assert write("--no-batching")[0] == 0
    served = tmp_path / "served"
    assert not (served / "config" / "batching.txt").exists()
    assert "batching" not in (served / "compose.yaml").read_text()


def test_second_run_needs_force(write):
    assert write()[0] == 0
    code, out, err = write()
    assert (code, out) == (1, "")
    assert "--force" in err
    assert write("--force")[0] == 0


def test_preset_is_exported_with_warm_up(run_json, preset, tmp_path):
    found = run_json(
        "serve-config",
        *("--model", f"tiny=preset:{preset}", "--output", tmp_path / "served"),
        *("--label", "tiny:stable=1"),
    )
    assert found["path"] == str(tmp_path / "served")
    assert found["models"] == {"tiny": [{"version": 1, "warmup": True}]}
    assert "config/models.config" in found["files"]
    assert not any(name.startswith("models/") for name in found["files"])


def test_key_belongs_to_the_servers_user(write, tmp_path):
    for name, kind in (("key", "PRIVATE KEY"), ("cert", "CERTIFICATE")):
        text = f"-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n"
        (tmp_path / name).write_text(text)
    user = os.getuid() or 10001
    code, _, err = write(
        *("--tls-key", tmp_path / "key", "--tls-cert", tmp_path / "cert"),
        *("--tls-client-ca", tmp_path / "cert", "--user", user),
    )
    assert code == 0, err
    status = (tmp_path / "served/config/ssl.config").stat()
    assert (status.st_uid, status.st_mode & 0o777) == (user, 0o600)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--label", "pn:stable=9"), "there is 3, 4"),
        (("--label", "other:stable=3"), "given for other"),
        (("--label", "pn:a=3", "--label", "pn:a=4"), "is given twice"),
        (("--policy", "pn=newest"), "policy is 'newest'"),
        (("--policy", "pn=all", "--policy", "pn=latest"), "must differ"),
        (("--memory", "4"), "memory is '4'"),
        (("--tls-key", "key.pem"), "both --tls-key and --tls-cert"),
        (("--model", "pn=elsewhere"), "must differ; got pn, pn"),
    ],
)
def test_wrong_use_fails_in_one_line(write, tmp_path, options, message):
    code, out, err = write(*options)
    assert (code, out) == (1, "")
    assert err.startswith("error: ") and message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "served").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--model", "pn"),
        ("--label", "pn=3"),
        ("--label", "pn:stable=x"),
        ("--allowed-batch-sizes", "2,x"),
        ("--cpus", "many"),
    ],
)
def test_what_can_not_be_parsed_is_wrong_use(write, options):
    with pytest.raises(SystemExit) as raised:
        write(*options)
    assert raised.value.code == 2


def test_folders_need_no_tensorflow(models, tmp_path):
    arguments = ["serve-config", "--model", f"pn={models}"]
    arguments += ["--output", str(tmp_path / "served")]
    done = subprocess.run(
        [sys.executable, "-c", NO_TENSORFLOW, *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
