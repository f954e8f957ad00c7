"""Adapted models: predictions, stored states, damaged files."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

import metazoo
from metazoo.contracts.adapted import load_state, read_adapted
from metazoo.errors import EpisodeError


@pytest.fixture(scope="module")
def learner(new_backbone):
    return metazoo.ProtoNet(new_backbone(), value_range=None)


def test_one_task_comes_back_without_tasks_axis(learner, new_episode):
    task = new_episode(num_tasks=1)
    adapted = learner.adapt(task.support_x[0], task.support_y[0])
    assert adapted.single
    assert adapted.num_tasks == 1
    assert adapted.predict(task.query_x[0]).shape == (6, 3)
    assert adapted.predict_classes(task.query_x[0]).shape == (6,)
    assert adapted.predict(task.query_x).shape == (1, 6, 3)


def test_several_tasks_keep_their_axis(learner, new_episode):
    task = new_episode(num_tasks=3)
    adapted = learner.adapt(task.support_x, task.support_y)
    assert adapted.num_tasks == 3
    found = adapted.predict(task.query_x)
    np.testing.assert_array_equal(
        adapted.predict_classes(task.query_x), found.argmax(-1)
    )
    with pytest.raises(EpisodeError, match="holds 2 tasks; the state holds 3"):
        adapted.predict(task.query_x[:2])


@pytest.mark.parametrize("single", [True, False])
def test_stored_state_predicts_the_same(learner, new_episode, tmp_path, single):
    task = new_episode(num_tasks=1)
    x, y, query_x = task.support_x, task.support_y, task.query_x
    if single:
        x, y, query_x = x[0], y[0], query_x[0]
    adapted = learner.adapt(x, y)
    path = adapted.save(tmp_path / "state.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]
    again = learner.adapted(*load_state(path))
    assert again.single is single
    np.testing.assert_array_equal(
        again.predict(query_x), adapted.predict(query_x)
    )


def test_failed_save_leaves_the_old_file(
    learner, new_episode, tmp_path, monkeypatch
):
    task = new_episode(num_tasks=1)
    adapted = learner.adapt(task.support_x[0], task.support_y[0])
    path = adapted.save(tmp_path / "state.npz")
    before = path.read_bytes()

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        adapted.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]


@pytest.mark.parametrize(
    "content",
    [
        lambda path: b"",
        lambda path: b"no archive at all",
        lambda path: path.read_bytes()[:-30],
        lambda path: path.read_bytes()[:200],
    ],
)
def test_damaged_file_is_refused(learner, new_episode, tmp_path, content):
    task = new_episode(num_tasks=1)
    adapted = learner.adapt(task.support_x[0], task.support_y[0])
    path = adapted.save(tmp_path / "state.npz")
    path.write_bytes(content(path))
    with pytest.raises(EpisodeError, match="state.npz"):
        load_state(path)


def test_no_flipped_byte_passes_unseen(learner, new_episode, tmp_path):
    task = new_episode(num_tasks=1)
    adapted = learner.adapt(task.support_x[0], task.support_y[0])
    path = adapted.save(tmp_path / "state.npz")
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 5):
        data = bytearray(whole)
        data[place] ^= 0xFF
        path.write_bytes(data)
        try:
            state, single = load_state(path)
            again = learner.adapted(state, single)
        except EpisodeError:
            refused += 1
            continue
        for name, value in adapted.state.items():
            np.testing.assert_array_equal(again.state[name], value)
    assert refused > 50


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(EpisodeError, match="nothing.npz"):
        load_state(tmp_path / "nothing.npz")
    np.savez(tmp_path / "other.npz", prototypes=np.zeros(3))
    with pytest.raises(EpisodeError, match="not written by AdaptedModel"):
        load_state(tmp_path / "other.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(EpisodeError, match="one.npy"):
        load_state(tmp_path / "one.npy")


def test_pickles_are_not_loaded(tmp_path):
    bad = np.array([print], dtype=object)
    np.savez(tmp_path / "bad.npz", __single__=np.array(True), x=bad)
    with pytest.raises(EpisodeError, match="bad.npz"):
        load_state(tmp_path / "bad.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("class_mask"), "names"),
        (lambda s: s.update(extra=np.zeros(1)), "names"),
        (lambda s: s.update(prototypes=s["prototypes"][..., :2]), "prototypes"),
        (lambda s: s.update(prototypes=s["prototypes"].astype(int)), "int64"),
        (lambda s: s.update(class_mask=s["class_mask"][:1]), "numbers of"),
    ],
)
def test_wrong_state_is_refused(learner, new_episode, change, message):
    task = new_episode(num_tasks=2)
    state = dict(learner.adapt(task.support_x, task.support_y).state)
    change(state)
    with pytest.raises(EpisodeError, match=message):
        learner.adapted(state)


@pytest.mark.parametrize(
    ("save", "single", "message"),
    [
        (np.savez, np.array([True, False]), "not written by"),
        (np.savez_compressed, np.array(True), "compressed"),
    ],
)
def test_what_save_does_not_write_is_refused(tmp_path, save, single, message):
    path = tmp_path / "state.npz"
    save(path, __single__=single, x=np.zeros([1, 2]))
    with pytest.raises(EpisodeError, match=message):
        read_adapted(path)


def test_file_that_asks_for_too_much_memory_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**15,)}
    with (
        zipfile.ZipFile(path, "w") as archive,
        archive.open("x.npy", "w") as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
    with pytest.raises(EpisodeError, match="holds no adapted state"):
        read_adapted(path)


def test_file_with_more_than_arrays_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    np.savez(path, __single__=np.array(True), x=np.zeros([1, 2]))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x.txt", "x")
    with pytest.raises(EpisodeError, match=r"'x\.txt' is no array"):
        read_adapted(path)
