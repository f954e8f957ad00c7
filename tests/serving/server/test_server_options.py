from __future__ import annotations

import pytest

from metazoo.errors import ServingError
from metazoo.serving import EmbeddedServer
from metazoo.serving.config_protos import METRICS_PATH
from metazoo.serving.server.batching_options import BatchingOptions
from metazoo.serving.server.listen import is_loopback, join, resolve
from metazoo.serving.server.options import ServerOptions
from metazoo.serving.server_files import ServerFiles


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"port": -1}, "port must be between"),
        ({"rest_port": 2**16}, "rest_port must be between"),
        ({"port": 7, "rest_port": 7}, "share port 7"),
        ({"poll_interval": -1}, "poll_interval"),
        ({"poll_interval": float("nan")}, "poll_interval"),
        ({"max_request_bytes": 0}, "max_request_bytes"),
        ({"max_request_bytes": 2**31}, "max_request_bytes"),
        ({"max_bytes_in_flight": 2**28 - 1}, "max_bytes_in_flight must be"),
        ({"max_bytes_in_flight": 0}, "max_bytes_in_flight must be"),
        ({"grpc_threads": 0}, "grpc_threads"),
        ({"rest_threads": -3}, "rest_threads"),
        ({"rest_timeout_ms": 0}, "rest_timeout_ms"),
        ({"max_load_retries": -1}, "max_load_retries"),
        ({"prometheus_path": "metrics"}, "begin with '/'"),
        ({"config_poll_interval": 1.0}, "needs the file"),
    ],
)
def test_setting_out_of_range_is_named(settings, part):
    with pytest.raises(ServingError, match=part):
        ServerOptions(**settings)


def test_bytes_in_flight_follow_the_largest_request():
    assert ServerOptions().most_bytes_in_flight == 2**30
    assert ServerOptions(max_request_bytes=9).most_bytes_in_flight == 36
    chosen = ServerOptions(max_bytes_in_flight=2**29)
    assert chosen.most_bytes_in_flight == 2**29


def test_two_free_ports_are_two_ports():
    assert ServerOptions(0, 0).port == 0


def test_batching_may_be_the_file(tmp_path):
    path = tmp_path / "batching.txt"
    path.write_text("max_batch_size { value: 7 }")
    assert ServerOptions(batching=path).batching.max_batch_size == 7
    path.write_text("max_batch_size { value: 0 }")
    with pytest.raises(ServingError, match="batching.txt: max_batch_size is 0"):
        ServerOptions(batching=str(path))


def test_server_is_made_of_ready_options(model_dir):
    options = ServerOptions(0, None, batching=BatchingOptions(), read_timeout=9)
    server = EmbeddedServer.from_options({"m": model_dir}, options)
    assert server.options == options


def test_files_become_settings(tmp_path):
    batching, monitoring = tmp_path / "b", tmp_path / "m"
    batching.write_text("num_batch_threads { value: 3 }")
    monitoring.write_text('prometheus_config { enable: true path: "/here" }')
    files = ServerFiles(None, True, batching, monitoring)
    assert files.settings() == {
        "batching": BatchingOptions(num_batch_threads=3),
        "prometheus_path": "/here",
    }
    assert ServerFiles(enable_batching=True).settings() == {
        "batching": BatchingOptions()
    }
    assert ServerFiles().settings() == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("prometheus_config { enable: false path: '/x' }", None),
        ("prometheus_config { enable: true }", METRICS_PATH),
    ],
)
def test_monitoring_file_turns_metrics_off_or_leaves_their_path(
    tmp_path, text, expected
):
    path = tmp_path / "monitoring"
    path.write_text(text)
    files = ServerFiles(monitoring=path)
    assert files.settings() == {"prometheus_path": expected}


def test_metrics_path_without_slash_names_the_file(tmp_path):
    path = tmp_path / "monitoring"
    path.write_text("prometheus_config { enable: true path: 'x' }")
    with pytest.raises(ServingError, match="monitoring: .*begin with '/'"):
        ServerFiles(monitoring=path).settings()


def test_batching_file_without_batching_is_refused(tmp_path):
    with pytest.raises(ServingError, match="--enable-batching"):
        ServerFiles(batching=tmp_path)


def test_name_stands_for_one_address():
    assert resolve("localhost") == "127.0.0.1"
    assert resolve("::1") == "::1"
    with pytest.raises(ServingError, match="no-such-host"):
        resolve("no-such-host.invalid")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
    ],
)
def test_loopback_is_told_apart(address, expected):
    assert is_loopback(address) is expected


def test_address_with_colons_gets_brackets():
    assert join("::1", 80) == "[::1]:80"
    assert join("127.0.0.1", 80) == "127.0.0.1:80"
