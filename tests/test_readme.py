"""The documentation's code runs, and its tables are the generated ones."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [ROOT / "README.md"]
    + list(ROOT.glob("docs/*.md"))
    + list(ROOT.glob("zoo/methods/*/README.md"))
)
# Written as ```console: commands that need data, a network or much time.
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_START_SECONDS = 120


def blocks(page: Path, language: str) -> list[str]:
    """Fenced code of one language, in order."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [code for kind, code in found if kind == language]


def run_python(code: str, folder: Path) -> None:
    """Runs code as a script, so that TensorFlow finds its source."""
    script = folder / "block.py"
    script.write_text(code, encoding="utf-8")
    runpy.run_path(str(script), run_name="__main__")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def folder(tmp_path_factory) -> Path:
    """Where scripts lie; not where they run."""
    return tmp_path_factory.mktemp("scripts")


@pytest.fixture
def ports() -> dict[str, str]:
    """Free ports instead of the usual ones, so that tests may overlap."""
    return {usual: str(free_port()) for usual in ("8500", "8501")}


def moved(code: str, ports: dict[str, str]) -> str:
    for usual, free in ports.items():
        code = code.replace(usual, free)
    return code


@contextmanager
def running(script: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a shell script with the installed console script on the PATH."""
    scripts = str(Path(sys.executable).parent)
    path = scripts + os.pathsep + os.environ["PATH"]
    process = subprocess.Popen(
        ["bash", "-euc", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def wait_for_port(port: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended by itself"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(port))) == 0:
                return
        time.sleep(0.2)
    raise AssertionError(f"nothing listens on {port}")


def tables():
    """The generator, which is a script and no part of the package."""
    path = ROOT / "docs" / "build_tables.py"
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location("build_tables", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_readme_has_four_runnable_blocks():
    page = ROOT / "README.md"
    assert len(blocks(page, "python")) == 3
    assert len(blocks(page, "bash")) == 1


@pytest.mark.parametrize("number", (0, 1))
def test_readme_python_block_runs(number, tmp_path, folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_python(blocks(ROOT / "README.md", "python")[number], folder)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {("five_characters.npz", "characters.keras")[number]}


def test_readme_server_and_client_blocks_run(
    tmp_path, folder, monkeypatch, capsys, ports
):
    (script,) = blocks(ROOT / "README.md", "bash")
    client = blocks(ROOT / "README.md", "python")[2]
    monkeypatch.chdir(tmp_path)
    with running(moved(script, ports), tmp_path) as process:
        wait_for_port(ports["8500"], process)
        run_python(moved(client, ports), folder)
        over_grpc = capsys.readouterr().out
        rest = client.replace("8500", "8501").replace(
            'model="characters"', 'model="characters", transport="rest"'
        )
        assert "8501" in rest and "transport" in rest
        run_python(moved(rest, ports), folder)
    assert over_grpc == capsys.readouterr().out
    assert over_grpc.startswith("[")


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page != ROOT / "README.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_page_code_runs(page, tmp_path, folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not blocks(page, "bash"), "shell code of pages is ```console"
    code = "\n".join(blocks(page, "python"))
    run_python(code, folder)


@pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_lead_to_files(page):
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_make_knows_the_two_commands():
    for target in ("demo", "test"):
        assert f"make {target}" in (ROOT / "README.md").read_text()
        plan = subprocess.run(
            ["make", "--dry-run", target, "VENV=/nonexistent/venv"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "-m venv" in plan and "pip install" in plan


def test_generated_text_is_up_to_date():
    for path, text in tables().generated().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.relative_to(ROOT)} is stale; run `make docs`"
        )


def test_accuracy_table_tells_what_the_presets_say():
    import metazoo

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [
        (info.preset, row)
        for info in metazoo.list_presets()
        for row in info.metadata.metrics
    ]
    assert rows, "no preset with results ships"
    for preset, row in rows:
        (line,) = [
            line
            for line in readme.splitlines()
            if line.startswith(f"| `{preset}` ")
            and f"| {row['dataset']}, {row['split']} |" in line
            and f"| {row['ways']}-way {row['shots']}-shot |" in line
            and ("| yes |" if row["transductive"] else "| no |") in line
        ]
        assert f"{100 * row['accuracy']:.2f} ± {100 * row['ci95']:.2f}" in line
