"""The commands of docs/operations.md run in their order, on free ports."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from PIL import Image

from metazoo.cli import main
from metazoo.data import load_glyphs

PAGE = Path(__file__).resolve().parent.parent / "docs" / "operations.md"
_FENCE = re.compile(r"^( *)```console\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
SECONDS = 120


def commands(section: str) -> list[str]:
    """The shell blocks below a heading."""
    text = PAGE.read_text(encoding="utf-8")
    (part,) = [
        part for part in text.split("\n## ") if part.startswith(f"{section}\n")
    ]
    return [textwrap.dedent(code) for _, code in _FENCE.findall(part)]


class Operator:
    """Types the page's commands, with other ports and less patience."""

    def __init__(self, folder: Path) -> None:
        """Chooses the ports."""
        self.folder = folder
        with (
            socket.create_server(("127.0.0.1", 0)) as one,
            socket.create_server(("127.0.0.1", 0)) as two,
        ):
            self.port = one.getsockname()[1]
            self.rest_port = two.getsockname()[1]
        scripts = str(Path(sys.executable).parent)
        path = scripts + os.pathsep + os.environ["PATH"]
        self.environment = {**os.environ, "PATH": path}

    def moved(self, command: str) -> str:
        ports = f"--port {self.port} --rest-port {self.rest_port}"
        command = command.replace("metazoo serve ", f"metazoo serve {ports} ")
        command = command.replace("poll-wait-seconds 30", "poll-wait-seconds 1")
        own = "" if os.getuid() == 0 else f" --user {os.getuid()}"
        command = command.replace(' --user "$(id -u)"', own)
        command = command.replace(":8500", f":{self.port}")
        return command.replace(":8501", f":{self.rest_port}")

    def run(self, command: str) -> str:
        """Runs a command, those of metazoo in this process to save time."""
        code, output = self.attempt(command)
        assert code == 0, f"{command}\n{output}"
        return output

    def attempt(self, command: str) -> tuple[int, str]:
        words = shlex.split(self.moved(command).replace("\\\n", " "))
        output = io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
        ):
            if words[0] == "metazoo":
                return main(words[1:]), output.getvalue()
            done = subprocess.run(words, capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr

    @contextlib.contextmanager
    def running(self, command: str) -> Iterator[None]:
        assert command.startswith("metazoo serve ")
        process = subprocess.Popen(
            ["bash", "-euc", f"exec {self.moved(command)}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("ready: characters")
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
            process.wait()

    def version(self, label: str) -> str | None:
        """Version that a label leads to; None if there is none yet."""
        root = f"http://127.0.0.1:{self.rest_port}/v1/models/characters"
        try:
            with urllib.request.urlopen(
                f"{root}/labels/{label}/metadata"
            ) as answer:
                return json.load(answer)["model_spec"]["version"]
        except urllib.error.HTTPError as error:
            # An unknown label, or one of a version that is still loading.
            assert error.code in (400, 404)
            return None


def eventually(found: Callable[[], str | None], expected: str) -> None:
    deadline = time.monotonic() + SECONDS
    while found() != expected:
        assert time.monotonic() < deadline, f"{found()} is not {expected}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def operator(tmp_path_factory) -> Operator:
    folder = tmp_path_factory.mktemp("operator")
    draw_characters(folder)
    write_certificates(folder)
    return Operator(folder)


def draw_characters(folder: Path) -> None:
    """Three characters, one drawing of each to learn from, two to label."""
    data = load_glyphs("test", num_alphabets=1, num_characters=3, num_drawers=3)
    for number, image in enumerate(data.images[..., 0]):
        label, drawer = divmod(number, 3)
        place = "queries" if drawer else f"support/c{label}"
        path = folder / place / f"c{label}-{drawer}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def write_certificates(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name, subject in (("server", "localhost"), ("client", "a@b.example")):
        leaf = authority.issue_cert(subject)
        leaf.private_key_pem.write_to_path(folder / f"{name}.key")
        for blob in leaf.cert_chain_pems:
            blob.write_to_path(folder / f"{name}.pem", append=True)


def labelled_right(table: str) -> bool:
    rows = re.findall(r"^queries/(c\d)-\d\.png +(c\d) ", table, re.MULTILINE)
    assert len(rows) == 6
    return all(drawn == found for drawn, found in rows)


@pytest.mark.slow
def test_commands_upgrade_and_roll_back(operator):
    (write,) = commands("From a preset to a folder")
    serve, ask = commands("Embedded server")
    publish, metadata, canary, move, back, withdraw = commands(
        "Rolling upgrade"
    )
    assert str(operator.folder / "served") in operator.run(write)
    with operator.running(serve):
        assert labelled_right(operator.run(ask))
        assert operator.version("canary") is None
        operator.run(publish)
        eventually(lambda: operator.version("canary"), "2")
        assert (
            json.loads(operator.run(metadata))["model_spec"]["version"] == "2"
        )
        assert labelled_right(operator.run(canary))
        assert operator.version("stable") == "1"
        operator.run(move)
        eventually(lambda: operator.version("stable"), "2")
        operator.run(back)
        eventually(lambda: operator.version("stable"), "1")
        operator.run(withdraw)
    secure, serve, ask = commands("TLS")
    operator.run(secure)
    with operator.running(serve):
        assert "AVAILABLE" in operator.run(ask)
        without = re.sub(r"\\\n.*", "", ask)
        code, output = operator.attempt(f"{without} --timeout 2")
        assert code == 1 and "UNAVAILABLE" in output
