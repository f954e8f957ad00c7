"""Hubs, through stand-ins for their libraries, and uploads."""

from __future__ import annotations

import shutil
import sys
import types

import pytest

from metazoo.errors import PresetError
from metazoo.presets import fetch, upload_preset
from metazoo.presets.verify import verify_directory

HUBS = {"hf": "huggingface_hub", "kaggle": "kagglehub"}


class FakeHub(types.ModuleType):
    """Keeps folders by name, and hands them out as links like the real one."""

    def __init__(self, name, root):
        super().__init__(name)
        self.root, self.calls = root, []

    def store(self, key, folder):
        shutil.copytree(folder, self.root / key, dirs_exist_ok=True)

    def hand_out(self, key):
        if not (self.root / key).is_dir():
            raise RuntimeError(f"404 {key}")
        links = self.root / "links" / key
        links.mkdir(parents=True, exist_ok=True)
        for path in (self.root / key).iterdir():
            if not (links / path.name).exists():
                (links / path.name).symlink_to(path)
        return str(links)

    def snapshot_download(self, repo_id, revision, allow_patterns):
        self.calls.append(("download", repo_id, revision, allow_patterns))
        return self.hand_out(repo_id)

    def create_repo(self, repo_id, exist_ok):
        self.calls.append(("create", repo_id))

    def upload_folder(self, repo_id, folder_path, revision, **rest):
        self.calls.append(("upload", repo_id, revision, rest))
        self.store(repo_id, folder_path)

    def model_download(self, handle):
        self.calls.append(("download", handle))
        return self.hand_out(handle)

    def model_upload(self, handle, local_model_dir, version_notes):
        self.calls.append(("upload", handle, version_notes))
        self.store(handle, local_model_dir)


@pytest.fixture
def hub(request, tmp_path, monkeypatch):
    def make(scheme):
        module = FakeHub(HUBS[scheme], tmp_path / "hub")
        monkeypatch.setitem(sys.modules, HUBS[scheme], module)
        return module

    return make


@pytest.mark.parametrize(
    "handle", ["hf://owner/tiny", "kaggle://owner/tiny/keras/default"]
)
def test_upload_then_fetch_round_trip(hub, fake, handle):
    module = hub(handle.partition(":")[0])
    assert upload_preset(fake, handle) == handle
    folder = fetch(handle)
    assert verify_directory(folder).preset == "tiny_fake"
    assert not any(path.is_symlink() for path in folder.iterdir())
    count = len(module.calls)
    assert fetch(handle) == folder
    assert len(module.calls) == count


def test_hf_revision_is_passed_on(hub, fake):
    module = hub("hf")
    upload_preset(fake, "hf://owner/tiny@v2")
    fetch("hf://owner/tiny@v2")
    assert module.calls[1][:3] == ("upload", "owner/tiny", "v2")
    assert module.calls[2][:3] == ("download", "owner/tiny", "v2")
    assert set(module.calls[2][3]) == {
        "config.json",
        "model.weights.h5",
        "metadata.json",
        "README.md",
    }


def test_hub_damaged_file_refused(hub, fake, nothing_loadable):
    module = hub("hf")
    with (fake / "config.json").open("a") as file:
        file.write(" ")
    module.store("owner/tiny", fake)
    with pytest.raises(PresetError, match="config.json is damaged"):
        fetch("hf://owner/tiny")
    nothing_loadable()


def test_hub_recorded_hash_is_checked(hub, fake, nothing_loadable):
    hub("hf").store("owner/tiny", fake)
    with pytest.raises(PresetError, match="metadata.json.*sha256.*" + "0" * 64):
        fetch("hf://owner/tiny#sha256=" + "0" * 64)
    nothing_loadable()


def test_hub_missing_file_refused(hub, fake, nothing_loadable):
    (fake / "model.weights.h5").unlink()
    hub("kaggle").store("o/m/keras/v", fake)
    with pytest.raises(PresetError, match="model.weights.h5 missing"):
        fetch("kaggle://o/m/keras/v")
    nothing_loadable()


def test_hub_unknown_repository_refused(hub):
    hub("hf")
    with pytest.raises(PresetError, match="hf://owner/nothing: 404"):
        fetch("hf://owner/nothing")


@pytest.mark.parametrize(
    "handle", ["hf://owner/tiny", "kaggle://owner/tiny/keras/default"]
)
def test_hub_library_missing_names_extra(monkeypatch, fake, handle):
    monkeypatch.setitem(sys.modules, HUBS[handle.partition(":")[0]], None)
    with pytest.raises(ImportError, match=r'pip install "metazoo\[hub\]"'):
        fetch(handle)
    with pytest.raises(ImportError, match=r'pip install "metazoo\[hub\]"'):
        upload_preset(fake, handle)


def test_upload_damaged_preset_refused(hub, fake):
    module = hub("hf")
    (fake / "README.md").write_text("changed")
    with pytest.raises(PresetError, match="README.md is damaged"):
        upload_preset(fake, "hf://owner/tiny")
    assert module.calls == []


def test_upload_hub_failure_reported(hub, fake, monkeypatch):
    module = hub("hf")

    def refuse(**kwargs):
        raise RuntimeError("403 forbidden")

    monkeypatch.setattr(module, "upload_folder", refuse)
    with pytest.raises(PresetError, match="hf://owner/tiny: 403"):
        upload_preset(fake, "hf://owner/tiny")


def test_upload_kaggle_version_refused(hub, fake):
    hub("kaggle")
    with pytest.raises(PresetError, match="numbers versions itself"):
        upload_preset(fake, "kaggle://o/m/keras/v/3")


def test_upload_https_refused(fake):
    handle = "https://example.org/p.zip#sha256=" + "0" * 64
    with pytest.raises(PresetError, match="can't be written"):
        upload_preset(fake, handle)


def test_upload_to_folder_copies_and_does_not_overwrite(fake, tmp_path):
    target = upload_preset(fake, tmp_path / "copy")
    assert verify_directory(target).preset == "tiny_fake"
    with pytest.raises(PresetError, match="exists"):
        upload_preset(fake, tmp_path / "copy")


class FakeFiles:
    """As much of ``tf.io.gfile`` as is used, on a local folder."""

    def __init__(self, root):
        self.root = root

    def path(self, address):
        return self.root / str(address).removeprefix("gs://")

    def GFile(self, address, mode):  # noqa: N802
        return self.path(address).open(mode)

    def exists(self, address):
        return self.path(address).exists()

    def copy(self, source, target):
        self.path(target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, self.path(target))


def test_gs_round_trip(fake, tmp_path, monkeypatch):
    files = FakeFiles(tmp_path / "bucket")
    for module in ("hubs", "upload"):
        monkeypatch.setattr(f"metazoo.presets.{module}.gfile", lambda: files)
    assert upload_preset(fake, "gs://b/tiny") == "gs://b/tiny"
    assert verify_directory(fetch("gs://b/tiny")).preset == "tiny_fake"
    with pytest.raises(PresetError, match="holds a preset already"):
        upload_preset(fake, "gs://b/tiny")
    with pytest.raises(PresetError, match="gs://b/other/config.json"):
        fetch("gs://b/other")


def test_gs_without_file_system_refused(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.io.gfile, "get_registered_schemes", lambda: [""])
    with pytest.raises(PresetError, match="no gs:// file system"):
        fetch("gs://bucket/preset")
