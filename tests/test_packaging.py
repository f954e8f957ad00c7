"""What the wheel holds: one import name, and all that it needs."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = (
    "zoo",
    "trainers",
    "serving",
    "pyproject.toml",
    "setup.py",
    "README.md",
    "LICENSE",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """A wheel built from a copy, byte code and all, as a checkout has it."""
    folder = tmp_path_factory.mktemp("packaging")
    for part in PARTS:
        source, target = ROOT / part, folder / "source" / part
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source, target)
    # The extra `test` brings the build tool, so nothing is downloaded.
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--no-index", "--wheel-dir"),
            *(str(folder), str(folder / "source")),
        ],
        check=True,
    )
    (path,) = folder.glob("*.whl")
    assert path.name.startswith("metazoo-")
    assert path.name.endswith("-py3-none-any.whl")
    return zipfile.ZipFile(path)


def test_wheel_has_one_import_name(wheel):
    roots = {name.partition("/")[0] for name in wheel.namelist()}
    assert "metazoo" in roots
    (other,) = roots - {"metazoo"}
    assert other.endswith(".dist-info")


def test_wheel_holds_every_module(wheel):
    names = set(wheel.namelist())
    homes = {"zoo": "metazoo", "trainers": "metazoo/trainers"}
    homes["serving"] = "metazoo/serving"
    for source, home in homes.items():
        modules = list((ROOT / source).rglob("*.py"))
        assert modules
        for module in modules:
            relative = module.relative_to(ROOT / source).as_posix()
            assert f"{home}/{relative}" in names
    assert "metazoo/py.typed" in names


def test_wheel_holds_every_preset(wheel):
    names = set(wheel.namelist())
    files = [
        path
        for path in (ROOT / "zoo" / "methods").glob("*/presets/*/*")
        if path.is_file()
    ]
    assert {path.name for path in files} >= {
        "config.json",
        "metadata.json",
        "model.weights.h5",
        "README.md",
    }
    for path in files:
        relative = path.relative_to(ROOT / "zoo").as_posix()
        assert f"metazoo/{relative}" in names
        assert wheel.getinfo(f"metazoo/{relative}").file_size > 0


def test_wheel_holds_every_template(wheel):
    templates = sorted((ROOT / "serving").rglob("templates/*"))
    assert templates
    for path in templates:
        relative = path.relative_to(ROOT / "serving").as_posix()
        assert wheel.read(f"metazoo/serving/{relative}") == path.read_bytes()


def test_wheel_holds_every_file_of_the_demo_page(wheel):
    files = sorted((ROOT / "serving" / "demo" / "page").iterdir())
    assert {path.suffix for path in files} >= {".html", ".css", ".js"}
    for path in files:
        name = f"metazoo/serving/demo/page/{path.name}"
        assert wheel.read(name) == path.read_bytes()


def test_wheel_holds_nothing_else(wheel):
    kinds = {Path(name).suffix for name in wheel.namelist()}
    assert ".pyc" not in kinds
    outside = [name for name in wheel.namelist() if "/tests/" in name]
    assert not outside
    # A package index takes files of up to 100 MB; larger weights are fetched.
    assert Path(str(wheel.filename)).stat().st_size < 40e6


def test_wheel_installs_the_console_script(wheel):
    (path,) = [n for n in wheel.namelist() if n.endswith("entry_points.txt")]
    entries = configparser.ConfigParser()
    entries.read_string(wheel.read(path).decode())
    assert dict(entries["console_scripts"]) == {"metazoo": "metazoo.cli:main"}


def test_wheel_states_licence_and_python(wheel):
    (path,) = [n for n in wheel.namelist() if n.endswith("/METADATA")]
    metadata = wheel.read(path).decode().splitlines()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    licences = [n for n in wheel.namelist() if n.endswith("/LICENSE")]
    assert len(licences) == 1


def test_citation_and_changelog_name_the_version():
    from metazoo import __version__

    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f'version: "{__version__}"' in citation
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in changelog
