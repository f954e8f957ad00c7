"""Directories change places whole; cache entries never collide."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from metazoo.errors import PresetError
from metazoo.presets import cache as cache_module
from metazoo.presets.cache import (
    CacheEntry,
    cache_root,
    refuse_offline,
    replace_directory,
    write_directory,
)


def make(folder, text):
    folder.mkdir(parents=True)
    (folder / "file").write_text(text)
    return folder


@pytest.mark.parametrize("one_step", [True, False])
def test_replace_directory_leaves_only_the_new(tmp_path, monkeypatch, one_step):
    if not one_step:
        monkeypatch.setattr(cache_module, "_exchange", lambda *paths: False)
    target = make(tmp_path / "target", "old")
    replace_directory(make(tmp_path / "new", "new"), target)
    assert (target / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_replace_that_fails_puts_the_old_back(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "_exchange", lambda *paths: False)
    target = make(tmp_path / "target", "old")
    with pytest.raises(FileNotFoundError):
        replace_directory(tmp_path / "missing", target)
    assert (target / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_write_directory_that_fails_leaves_nothing(tmp_path):
    def write(folder):
        (folder / "half").write_text("x")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_directory(tmp_path / "target", write)
    assert list(tmp_path.iterdir()) == []


def test_write_directory_over_a_file_refused(tmp_path):
    (tmp_path / "target").write_text("mine")
    with pytest.raises(PresetError, match="not a directory"):
        write_directory(tmp_path / "target", lambda folder: None, True)
    assert (tmp_path / "target").read_text() == "mine"


SWAP = """
import sys
from pathlib import Path
from metazoo.presets.cache import write_directory
target = Path(sys.argv[1])
while True:
    for text in ("a", "b"):
        write_directory(
            target, lambda f: (f / "file").write_text(text * 4096), True
        )
"""


@pytest.mark.skipif(sys.platform != "linux", reason="one-step swap is Linux's")
def test_overwrite_killed_at_any_time_leaves_one_whole(tmp_path):
    target = make(tmp_path / "target", "a" * 4096)
    for delay in (0.1, 0.13, 0.17, 0.2, 0.25):
        process = subprocess.Popen([sys.executable, "-c", SWAP, str(target)])
        time.sleep(delay)
        process.kill()
        process.wait()
        assert (target / "file").read_text() in ("a" * 4096, "b" * 4096)


def test_root_follows_the_environment(monkeypatch, tmp_path):
    assert cache_root() == Path(os.environ["METAZOO_CACHE"])
    monkeypatch.delenv("METAZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "metazoo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "metazoo"


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_offline_refuses(monkeypatch, value):
    monkeypatch.setenv("METAZOO_OFFLINE", value)
    with pytest.raises(PresetError, match="METAZOO_OFFLINE forbids"):
        refuse_offline("x")


@pytest.mark.parametrize("value", ["", "0"])
def test_online_passes(monkeypatch, value):
    monkeypatch.setenv("METAZOO_OFFLINE", value)
    refuse_offline("x")


def test_entries_of_different_keys_differ_and_stay_inside(tmp_path):
    keys = ["https://h/a#1", "https://h/a#2", "hf://../../x", "name://x"]
    finals = {CacheEntry(key, tmp_path).final for key in keys}
    assert len(finals) == 4
    assert {path.parent for path in finals} == {tmp_path / "presets"}
