"""Exports that are killed, run at once, or find no room."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from metazoo.errors import ExportError
from metazoo.serving import export
from metazoo.serving.exporting import exporter
from metazoo.serving.publish import list_versions, publish
from metazoo.serving.staging import remove_stale, staging_folder

DAY = 86400.0

# An export that stops between the last write and the rename.
STOPPED = """
import sys, time
sys.path.insert(0, sys.argv[1])
import conftest
from metazoo.serving import export
from metazoo.serving.exporting import exporter

def stop(*arguments):
    print("written", flush=True)
    time.sleep(600)

exporter.check_export = stop
export(conftest.LinearPrototypes(), sys.argv[2], checks=["session"])
"""


def age(folder, seconds):
    """Makes a folder look as if nothing touched it for some time."""
    then = time.time() - seconds
    os.utime(folder, (then, then))


def test_killed_export_leaves_no_version_and_is_cleared_away(learner, tmp_path):
    base = tmp_path / "model"
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(Path(__file__).parent), str(base)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "written\n"
            (left,) = base.iterdir()
            assert (left / "saved_model.pb").is_file()
            age(left, DAY)
            # It runs, however long ago it wrote.
            assert remove_stale(base) == []
        finally:
            process.send_signal(signal.SIGKILL)
    assert list_versions(base) == {}
    assert list(base.iterdir()) == [left]
    export(learner, base, variants=(), warmup=False, checks=["session"])
    assert [path.name for path in base.iterdir()] == ["1"]


def test_fresh_folder_of_another_machine_is_kept(tmp_path):
    fresh, old = tmp_path / ".tmp-fresh", tmp_path / ".tmp-old"
    fresh.mkdir()
    old.mkdir()
    (old / "saved_model.pb").write_bytes(b"half")
    age(old, DAY)
    others = tmp_path / "7", tmp_path / "notes"
    for other in others:
        other.mkdir()
        age(other, DAY)
    assert remove_stale(tmp_path) == [old]
    assert sorted(tmp_path.iterdir()) == sorted([fresh, *others])


def test_folder_is_gone_when_an_export_fails(tmp_path):
    with pytest.raises(KeyError), staging_folder(tmp_path) as staging:
        (staging / "file").write_text("x")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_exports_at_once_each_get_a_number(tmp_path):
    together = threading.Barrier(8)
    published = []

    def run(index):
        with staging_folder(tmp_path) as staging:
            (staging / "saved_model.pb").write_text(str(index))
            together.wait()
            published.append(publish(staging, tmp_path, None))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(path.name) for path in published) == list(range(1, 9))
    written = {(path / "saved_model.pb").read_text() for path in published}
    assert written == {str(index) for index in range(8)}


def test_only_one_of_two_gets_the_number_both_want(tmp_path):
    results = []
    together = threading.Barrier(2)

    def run():
        with staging_folder(tmp_path) as staging:
            (staging / "saved_model.pb").write_text("x")
            together.wait()
            try:
                results.append(publish(staging, tmp_path, 5).name)
            except ExportError as error:
                results.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "5" in results
    assert any("never replaced" in result for result in results)
    assert [path.name for path in tmp_path.iterdir()] == ["5"]


def test_folder_that_can_not_be_made_is_named(learner, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match="can't write to .*file/model"):
        export(learner, tmp_path / "file" / "model", checks=["session"])


@pytest.mark.parametrize("step", ["write_info", "write_warmup"])
def test_full_disk_names_the_folder(learner, tmp_path, monkeypatch, step):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(exporter, step, full)
    with pytest.raises(ExportError, match=f"{tmp_path}.*No space left"):
        export(learner, tmp_path, variants=(), checks=["session"])
    assert list(tmp_path.iterdir()) == []


def test_folder_that_vanishes_while_graphs_are_written_is_named(
    learner, tmp_path, monkeypatch
):
    base = tmp_path / "model"
    guarded = exporter.guarded

    def vanish(signature):
        shutil.rmtree(base)
        base.write_text("a file now")
        monkeypatch.setattr(exporter, "guarded", guarded)
        return guarded(signature)

    monkeypatch.setattr(exporter, "guarded", vanish)
    with pytest.raises(ExportError, match=f"can't write to {base}"):
        export(learner, base, variants=(), checks=["session"])
