from __future__ import annotations

import json
import shutil

import ml_dtypes
import numpy as np
import pytest

from metazoo.errors import CheckpointError, TrainingError
from metazoo.trainers.checkpoint import (
    ARRAYS_NAME,
    MANIFEST_NAME,
    Checkpoint,
    CheckpointFolder,
    check_identity,
)


def make(step: int) -> Checkpoint:
    arrays = {
        "a/kernel": np.full((3, 2), step, np.float32),
        "a/step": np.asarray(step, np.int64),
        "b/half": np.full(4, step, ml_dtypes.bfloat16),
    }
    return Checkpoint(step, {"source": {"seed": 3}}, arrays)


@pytest.fixture
def folder(tmp_path) -> CheckpointFolder:
    folder = CheckpointFolder(tmp_path / "run", keep=2)
    for step in (1, 20, 300):
        folder.write(make(step))
    return folder


def test_latest_returns_what_was_written(folder):
    found = folder.latest()
    assert found.step == 300
    assert found.identity == {"source": {"seed": 3}}
    for name, value in make(300).arrays.items():
        assert found.arrays[name].dtype == value.dtype
        np.testing.assert_array_equal(found.arrays[name], value)


def test_only_the_last_are_kept(folder):
    names = [path.name for path in folder.paths()]
    assert names == ["step-0000000020", "step-0000000300"]
    assert len(list(folder.directory.iterdir())) == 2


def test_same_step_can_be_written_again(folder):
    folder.write(make(300))
    assert folder.latest().step == 300


def test_same_step_never_leaves_its_place_empty(folder, monkeypatch):
    target = folder.paths()[-1]
    was_there = []
    remove = shutil.rmtree

    def watch(path, *args, **kwargs):
        was_there.append(target.exists())
        remove(path, *args, **kwargs)

    monkeypatch.setattr(shutil, "rmtree", watch)
    folder.write(make(300))
    assert was_there
    assert all(was_there)


def test_empty_folder_has_none(tmp_path):
    assert CheckpointFolder(tmp_path / "absent").latest() is None


def test_keep_below_one_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="keep"):
        CheckpointFolder(tmp_path, keep=0)


def test_leftover_of_a_killed_write_is_ignored_and_removed(folder):
    half = folder.directory / ".tmp-dead"
    shutil.copytree(folder.paths()[-1], half)
    (half / MANIFEST_NAME).unlink()
    assert folder.latest().step == 300
    folder.write(make(301))
    assert not half.exists()


@pytest.mark.parametrize("name", [ARRAYS_NAME, MANIFEST_NAME])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_newest_falls_back_and_names_the_file(folder, name, damage):
    path = folder.paths()[-1] / name
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif damage == "cut":
        path.write_bytes(data[:-7])
    else:
        path.unlink()
    with pytest.warns(UserWarning, match=name):
        found = folder.latest()
    assert found.step == 20


def test_all_damaged_is_an_error_and_no_fresh_start(folder):
    for path in folder.paths():
        (path / ARRAYS_NAME).write_bytes(b"")
    with (
        pytest.warns(UserWarning),
        pytest.raises(CheckpointError, match="All checkpoints"),
    ):
        folder.latest()


def test_newer_format_is_refused(folder, monkeypatch):
    import metazoo.trainers.checkpoint as module

    monkeypatch.setattr(module, "FORMAT_VERSION", 9)
    folder.write(make(400))
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="format 9"):
        assert folder.latest().step == 300


def test_manifest_is_readable_json(folder):
    text = (folder.paths()[-1] / MANIFEST_NAME).read_text()
    assert json.loads(text)["step"] == 300


@pytest.mark.parametrize(
    ("now", "field"),
    [
        ({"source": {"seed": 4, "ways": [5, 5]}}, r"source\.seed was 3"),
        ({"source": {"seed": 3, "ways": [5, 6]}}, r"source\.ways"),
        ({"source": {"seed": 3}}, r"source\.ways"),
    ],
)
def test_other_identity_names_the_field(now, field):
    then = {"source": {"seed": 3, "ways": [5, 5]}}
    with pytest.raises(CheckpointError, match=field):
        check_identity(then, now, "here")


def test_same_identity_passes_tuples_as_lists():
    check_identity({"ways": [5, 5]}, {"ways": (5, 5)}, "here")
