"""Versions in the folder: readable before a server can see them."""

from __future__ import annotations

import os
import stat
from types import SimpleNamespace

import pytest

from metazoo.serving.operations import serve_config
from metazoo.serving.operations import versions as placing
from metazoo.serving.publish import publish


@pytest.fixture
def seen(monkeypatch):
    """Modes of all that is published, at that moment, with a strict umask."""
    modes = []

    def noted(staging, base, version):
        for path in (staging, *staging.rglob("*")):
            modes.append(stat.S_IMODE(path.stat().st_mode) & 0o044)
        return publish(staging, base, version)

    monkeypatch.setattr(placing, "publish", noted)
    old = os.umask(0o077)
    yield modes
    os.umask(old)


@pytest.fixture
def preset(monkeypatch):
    """A preset whose export is one file that names its model."""

    def export(learner, directory, version):
        folder = directory / str(version)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_text(f"{learner} {directory.name}")
        return folder

    exporter = SimpleNamespace(export=export)
    monkeypatch.setattr(placing, "require", lambda name: exporter)
    monkeypatch.setattr("metazoo.presets.from_preset", str)
    return "preset:tiny"


def test_preset_is_readable_before_it_is_seen(seen, preset, tmp_path):
    for number in (1, 2):
        served = serve_config({"m": preset}, tmp_path / "served", force=True)
        stored = served / "models" / "m" / str(number) / "saved_model.pb"
        assert stored.read_text() == "tiny m"
    assert seen == [0o044] * 4
    assert sorted(os.listdir(served / "models" / "m")) == ["1", "2"]


def test_copy_is_readable_before_it_is_seen(seen, versions, tmp_path):
    served = serve_config({"m": versions(1, 2)}, tmp_path / "served")
    assert len(seen) == 4
    assert set(seen) == {0o044}
    assert os.listdir(served / "models" / "m") == ["2"]
