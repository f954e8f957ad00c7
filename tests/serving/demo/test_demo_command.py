"""`metazoo serve --demo`: its options, its process, its end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import types
import urllib.request

import pytest

from metazoo.cli import main
from metazoo.serving.demo import running
from metazoo.serving.demo.exports import CachedExport
from metazoo.serving.server.tls import ServerTls


@pytest.fixture
def run(capsys):
    def call(*arguments):
        code = main(["serve", *map(str, arguments)])
        return code, capsys.readouterr().err

    return call


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--model", "m=d", "--no-browser"], "--no-browser has no meaning"),
        (["--model", "m=d", "--demo-texts", "p"], "--demo-texts has no"),
        (["--model", "m=d", "--demo-images", "p"], "--demo-images has no"),
        (["--demo", "--no-rest"], "needs REST"),
        (
            ["--demo", "--server", "tensorflow_model_server"],
            "needs the embedded server",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(run, options, match):
    code, err = run(*options)
    assert code == 1
    assert re.search(match, err)


def test_demo_and_models_exclude_each_other(run):
    with pytest.raises(SystemExit):
        run("--demo", "--model", "m=d")


@pytest.mark.parametrize("option", ["--port", "--rest-port"])
def test_taken_port_is_told_before_anything_is_exported(run, option, tmp_path):
    other = {"--port": "--rest-port", "--rest-port": "--port"}[option]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        code, err = run(
            *("--demo", "--no-browser", "--demo-images", tmp_path / "none"),
            *(option, number, other, 0),
        )
    assert code == 1
    assert f"127.0.0.1:{number}" in err
    assert f"Choose another with {option}" in err


def test_preset_that_is_not_there_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setenv("METAZOO_CACHE", str(tmp_path))
    code, err = run(
        *("--demo", "--no-browser", "--port", 0, "--rest-port", 0),
        *("--demo-images", "protonet_conv4_omniglo"),
    )
    assert code == 1
    assert "protonet_conv4_omniglot" in err


class Opened(list):
    """What was opened; like a machine with or without a browser."""

    def __init__(self, works):
        self.works = works

    def open(self, address):
        self.append(address)
        return self.works


@pytest.mark.parametrize(
    ("host", "tls", "address"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:8501/"),
        ("0.0.0.0", None, "http://127.0.0.1:8501/"),
        ("::1", None, "http://[::1]:8501/"),
        ("localhost", "tls", "https://localhost:8501/"),
    ],
)
def test_browser_is_opened_on_the_page(monkeypatch, capsys, host, tls, address):
    opened = Opened(works=True)
    monkeypatch.setattr(running, "webbrowser", opened)
    certificates = None if tls is None else object.__new__(ServerTls)

    def served(folders, settings, on_ready):
        assert "/" in settings["pages"]
        on_ready(
            types.SimpleNamespace(
                host=settings["host"],
                rest_port=settings["rest_port"],
                options=types.SimpleNamespace(certificates=certificates),
            )
        )
        return 0

    monkeypatch.setattr(running, "serve_embedded", served)
    assert running.serve_demo({"characters": "d"}, host=host) == 0
    assert opened == [address]
    assert f"page: {address}" in capsys.readouterr().out
    opened.clear()
    opened.works = False
    running.serve_demo({"characters": "d"}, host=host)
    assert "open the page yourself" in capsys.readouterr().err
    opened.clear()
    running.serve_demo({"characters": "d"}, host=host, browser=False)
    assert opened == []


@pytest.fixture(scope="module")
def started(tmp_path_factory, text_learner, demo_folders):
    """The command, with texts in the cache: process, its words, its log."""
    root = tmp_path_factory.mktemp("command")
    preset = root / "ataml_tiny_phrases"
    text_learner.save_to_preset(preset, dataset="phrases")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("METAZOO_CACHE", str(root / "cache"))
        shutil.copytree(demo_folders["texts"], CachedExport(str(preset)).folder)
    log = (root / "log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "metazoo", "serve", "--demo", "--no-browser"]
        + ["--port", "0", "--rest-port", "0", "--demo-texts", str(preset)],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={
            **os.environ,
            "CUDA_VISIBLE_DEVICES": "-1",
            "METAZOO_CACHE": str(root / "cache"),
        },
    )
    try:
        lines = [process.stdout.readline() for _ in range(2)]
        yield process, lines, root / "log"
    finally:
        process.kill()
        process.wait()
        log.close()


def test_command_exports_serves_and_ends(started):
    process, lines, log = started
    assert lines[0].startswith("ready: characters, texts on the embedded")
    found = re.fullmatch(r"page: (http://127\.0\.0\.1:\d+/)\n", lines[1])
    assert found, lines
    with urllib.request.urlopen(found[1]) as answer:
        assert b"<title>metazoo" in answer.read()
    for name in ("characters", "texts"):
        url = f"{found[1]}v1/models/{name}"
        with urllib.request.urlopen(url) as answer:
            assert b"AVAILABLE" in answer.read()
    told = log.read_text()
    assert told.count("exporting ") == told.count("exported ") == 1
    assert told.count("'texts' version 1 is AVAILABLE") == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
