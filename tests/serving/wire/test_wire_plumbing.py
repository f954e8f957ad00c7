"""That a real server would be started, filled, asked and stopped."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from wire_servers import (
    ADDRESS,
    BINARY,
    FOLDERS,
    NO_BINARY,
    fill,
    real,
    real_is_there,
    started,
)

HERE = Path(__file__).parent
FAKE = '#!/bin/sh\nexec {python} {script} "$@"\n'


@pytest.fixture(scope="module")
def fake_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("path")
    binary = folder / BINARY
    script = HERE / "fake_model_server.py"
    binary.write_text(FAKE.format(python=sys.executable, script=script))
    binary.chmod(0o755)
    return folder


def run_wire_tests(arguments, **changes):
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTEST_", "METAZOO_TF_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        + ["-m", "server", *arguments, str(HERE)],
        env={**environment, **changes},
        capture_output=True,
        text=True,
        timeout=300,
    ).stdout


def counts(report):
    found = re.findall(r"(\d+) (passed|failed|skipped|error)", report)
    return {what: int(count) for count, what in found}


def test_wire_tests_run_on_a_binary_of_the_path(fake_folder):
    path = f"{fake_folder}{os.pathsep}{os.environ['PATH']}"
    chosen = "real and not batching and (filter_selects or version_and_label)"
    report = run_wire_tests(["-k", chosen], PATH=path)
    assert counts(report) == {"passed": 3}, report


def test_server_of_the_environment_is_filled_and_asked(
    fake_folder,
    version_folders,
    tmp_path,
    monkeypatch,
    make_request,
    request_inputs,
):
    root = tmp_path / "served" / "models"
    fill(root, version_folders[:1])
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    with started(str(fake_folder / BINARY), root, True) as there:
        address = f"{there.address},{there.rest[1]}"
        monkeypatch.setenv(ADDRESS, address)
        monkeypatch.setenv(FOLDERS, f"{root}:{root}/.")
        assert real_is_there()
        with real(None, batching=False) as running:
            fill(running.models, version_folders)
            running.serve_all()
            request = make_request(request_inputs, "pair")
            request.model_spec.version_label = "canary"
            answer = running.prediction.Predict(request, timeout=60)
        assert answer.model_spec.version.value == 2
        with pytest.raises(pytest.skip.Exception, match="as it runs"):
            real(None, batching=True).__enter__()
        monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
        with pytest.raises(pytest.skip.Exception, match="without pytest-xd"):
            real(None, batching=False).__enter__()
    with pytest.raises(OSError):
        socket.create_connection(there.rest, 1.0)


@pytest.mark.server
def test_real_server_is_tested_where_there_is_one(request):
    """One skip that says so, in place of one for each test."""
    if not real_is_there():
        pytest.skip(NO_BINARY)
    names = [item.name for item in request.session.items]
    assert any("[real" in name for name in names)


def test_binary_that_ends_is_reported(tmp_path):
    binary = tmp_path / BINARY
    binary.write_text("#!/bin/sh\necho flag unknown\nexit 3\n")
    binary.chmod(0o755)
    (tmp_path / "served").mkdir()
    with (
        pytest.raises(AssertionError, match="flag unknown"),
        started(str(binary), tmp_path / "served" / "models", False),
    ):
        pass
