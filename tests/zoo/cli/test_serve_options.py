"""Options of `metazoo serve`: TensorFlow Serving's meaning, clear errors."""

from __future__ import annotations

import argparse

import pytest

from metazoo.cli.serve_options import add_arguments, settings_of
from metazoo.serving.server.options import ServerOptions


@pytest.fixture
def parse():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return lambda *options: parser.parse_args(["--model", "m=d", *options])


def test_nothing_given_leaves_the_defaults(parse):
    assert settings_of(parse()) == {}


def test_every_setting_reaches_the_server(parse):
    settings = settings_of(
        parse(
            "--file-system-poll-wait-seconds=3",
            "--max-num-load-retries=2",
            "--load-retry-interval-micros=500000",
            "--allow-version-labels-for-unavailable-models",
            "--grpc-max-threads=5",
            "--rest-api-num-threads=6",
            "--rest-api-timeout-in-ms=700",
            "--rest-api-enable-cors-support=true",
            "--max-request-bytes=800",
            "--max-bytes-in-flight=9000",
            "--max-connections=9",
            "--drain-seconds=1.5",
        )
    )
    options = ServerOptions(**settings)
    assert options.poll_interval == 3
    assert options.max_load_retries == 2
    assert options.load_retry_interval == 0.5
    assert options.allow_unavailable_labels is True
    assert (options.grpc_threads, options.rest_threads) == (5, 6)
    assert options.rest_timeout_ms == 700
    assert options.enable_cors is True
    assert options.max_request_bytes == 800
    assert options.max_bytes_in_flight == 9000
    assert options.max_connections == 9
    assert options.drain_timeout == 1.5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--enable-batching", True),
        ("--enable-batching=true", True),
        ("--enable-batching=false", False),
    ],
)
def test_switches_are_written_as_for_the_real_server(parse, given, expected):
    assert parse(given).enable_batching is expected


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--model", "m=d", "--model-config-file", "f"),
        ("--model", "m=d", "--enable-batching=perhaps"),
        ("--model", "m=d", "--grpc-max-threads", "many"),
    ],
)
def test_wrong_use_exits_with_2(run, options):
    with pytest.raises(SystemExit) as caught:
        run("serve", *options)
    assert caught.value.code == 2


BAD = "model_config_list {\n  config { nam: 'm' }\n}\n"


@pytest.mark.parametrize(
    ("option", "text", "parts"),
    [
        ("--model-config-file", BAD, ("2:12", "nam")),
        ("--model-config-file", None, ("can't be read",)),
        ("--ssl-config-file", "server_key: 1", ("1:", "SSLConfig")),
        ("--monitoring-config-file", "x", ("1:", "MonitoringConfig")),
        (
            "--batching-parameters-file",
            "max_batch_size { value: 0 }",
            ("max_batch_size is 0",),
        ),
    ],
)
def test_bad_file_is_one_line_that_names_it(run, tmp_path, option, text, parts):
    path = tmp_path / "the.file"
    if text is not None:
        path.write_text(text)
    (tmp_path / "m").mkdir()
    model = () if "model" in option else ("--model", f"m={tmp_path / 'm'}")
    batching = ("--enable-batching",) if "batching" in option else ()
    code, out, err = run("serve", *model, *batching, option, str(path))
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert all(part in err for part in (str(path), *parts))


def test_one_port_for_both_is_refused(run, tmp_path):
    (tmp_path / "m").mkdir()
    ports = ("--port", "7", "--rest-port", "7")
    code, _, err = run("serve", "--model", f"m={tmp_path / 'm'}", *ports)
    assert code == 1
    assert "--rest-port" in err
