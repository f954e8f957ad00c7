"""A file is written whole, or what was there before stays."""

from __future__ import annotations

import pytest

from metazoo.whole_files import replacing, sync, write_text


def test_text_takes_the_place_of_a_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    write_text(path, "neu: ä\r\n")
    assert path.read_bytes() == "neu: ä\r\n".encode()
    assert [child.name for child in tmp_path.iterdir()] == ["table.csv"]


def test_failed_writing_leaves_what_was_there(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with pytest.raises(KeyError), replacing(path) as temporary:
        assert temporary.parent == tmp_path and temporary != path
        assert temporary.suffix == ".keras"
        temporary.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["model.keras"]


def test_nothing_is_replaced_by_nothing(tmp_path):
    path = tmp_path / "log"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"


def test_files_and_folders_are_synced(tmp_path):
    sync(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "missing")
