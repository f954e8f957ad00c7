"""A directory is exactly one undamaged preset, or it is refused."""

from __future__ import annotations

import os

import pytest

from metazoo.errors import PresetError
from metazoo.presets.verify import verify_directory

FILES = ("config.json", "model.weights.h5", "README.md")


def test_verify_whole_preset_gives_metadata(fake):
    assert verify_directory(fake).preset == "tiny_fake"


@pytest.mark.parametrize("name", FILES)
def test_verify_flipped_byte_refused_by_name(fake, name):
    content = bytearray((fake / name).read_bytes())
    content[len(content) // 3] ^= 1
    (fake / name).write_bytes(bytes(content))
    with pytest.raises(PresetError, match=f"{name} is damaged.*sha256"):
        verify_directory(fake)


@pytest.mark.parametrize("name", FILES)
def test_verify_truncated_refused_by_name(fake, name):
    with (fake / name).open("r+b") as file:
        file.truncate((fake / name).stat().st_size - 1)
    with pytest.raises(PresetError, match=f"{name} is damaged.*bytes"):
        verify_directory(fake)


@pytest.mark.parametrize("name", [*FILES, "metadata.json"])
def test_verify_missing_file_refused(fake, name):
    (fake / name).unlink()
    with pytest.raises(PresetError, match=f"{name} missing"):
        verify_directory(fake)


@pytest.mark.parametrize("name", ["weights.pkl", "hook.py", ".hidden"])
def test_verify_extra_file_refused(fake, name):
    (fake / name).write_text("x")
    with pytest.raises(PresetError, match="unexpected file"):
        verify_directory(fake)


def test_verify_extra_folder_refused(fake):
    (fake / "assets").mkdir()
    with pytest.raises(PresetError, match="unexpected file 'assets'"):
        verify_directory(fake)


@pytest.mark.parametrize("name", [*FILES, "metadata.json"])
def test_verify_link_refused(fake, tmp_path, name):
    (fake / name).rename(tmp_path / name)
    (fake / name).symlink_to(tmp_path / name)
    with pytest.raises(PresetError, match="link"):
        verify_directory(fake)


def test_verify_pipe_refused_without_blocking(fake):
    (fake / "README.md").unlink()
    os.mkfifo(fake / "README.md")
    with pytest.raises(PresetError, match="not an ordinary file"):
        verify_directory(fake)


def test_verify_huge_config_refused_unread(fake):
    with (fake / "config.json").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(PresetError, match="more than the limit"):
        verify_directory(fake)


def test_verify_no_folder_refused(tmp_path):
    with pytest.raises(PresetError, match="no such directory"):
        verify_directory(tmp_path / "nothing")


def test_verify_file_without_hash_refused(fake, rehash):
    from metazoo.presets.format import PresetMetadata

    text = (fake / "metadata.json").read_bytes()
    files = PresetMetadata.from_json(text).to_dict()["files"]
    del files["config.json"]
    rehash(fake, files=files)
    with pytest.raises(PresetError, match="no hash of config.json"):
        verify_directory(fake)
