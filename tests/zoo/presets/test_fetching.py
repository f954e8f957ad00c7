"""Fetching into the cache: whole or not at all, whatever happens."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from metazoo.errors import PresetError
from metazoo.presets import fetch
from metazoo.presets.verify import verify_directory

WEIGHTS = "model.weights.h5"
FILES = ("config.json", "model.weights.h5", "README.md")
ALL_FILES = (*FILES, "metadata.json")
FETCH = """
import sys
from metazoo.presets import fetch
print(fetch(sys.argv[1]))
"""


def start_fetch(handle, cache):
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, handle],
        env={**os.environ, "METAZOO_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_fetch_web_handle_is_verified_and_cached(web):
    folder = fetch(web.handle_for())
    verify_directory(folder)
    count = len(web.requests)
    assert fetch(web.handle_for()) == folder
    assert len(web.requests) == count == 4


def test_fetch_leaves_nothing_but_the_preset_and_its_lock(web, cache):
    folder = fetch(web.handle_for())
    left = {p for p in cache.rglob("*") if p.is_file()}
    expected = {folder / name for name in ALL_FILES}
    assert {p for p in left if p.suffix != ".lock"} == expected


@pytest.mark.parametrize("name", ALL_FILES)
def test_fetch_flipped_byte_refused(web, send_answer, name, nothing_loadable):
    def flip(handler, content):
        damaged = bytearray(content)
        damaged[len(damaged) // 2] ^= 4
        send_answer(handler, bytes(damaged))

    handle = web.handle_for()
    web.tricks[name] = [flip]
    with pytest.raises(PresetError, match=f"{name}.*sha256"):
        fetch(handle)
    nothing_loadable()
    web.tricks.clear()
    verify_directory(fetch(handle))


@pytest.mark.parametrize("name", ALL_FILES)
def test_fetch_truncated_refused(
    web, send_answer, name, nothing_loadable, monkeypatch
):
    def truncate(handler, content):
        send_answer(handler, content, cut=1, honest_range=False)

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    handle = web.handle_for()
    web.tricks[name] = [truncate]
    with pytest.raises(PresetError, match=f"{name}.*truncated"):
        fetch(handle)
    nothing_loadable()
    web.tricks.clear()
    verify_directory(fetch(handle))


def test_fetch_newer_format_refused(web, rehash, nothing_loadable):
    rehash(web.folder, format_version=2)
    with pytest.raises(PresetError, match="newer than 1.*upgrade"):
        fetch(web.handle_for())
    nothing_loadable()


@pytest.mark.parametrize(
    "name", ["../../evil.py", "/tmp/evil", "evil.pkl", "a/config.json"]
)
def test_fetch_foreign_file_name_refused(web, name, nothing_loadable):
    path = web.folder / "metadata.json"
    fields = json.loads(path.read_text())
    fields["files"][name] = fields["files"]["config.json"]
    path.write_text(json.dumps(fields))
    with pytest.raises(PresetError, match="not a file of a preset"):
        fetch(web.handle_for())
    nothing_loadable()


def test_fetch_damaged_cache_is_fetched_again(web, caplog):
    folder = fetch(web.handle_for())
    with (folder / WEIGHTS).open("r+b") as file:
        file.write(b"rot")
    assert fetch(web.handle_for()) == folder
    verify_directory(folder)
    assert "damaged" in caplog.text


def test_fetch_refresh_fetches_again(web):
    fetch(web.handle_for())
    count = len(web.requests)
    fetch(web.handle_for(), refresh=True)
    assert len(web.requests) == 2 * count


def test_fetch_refresh_that_fails_keeps_the_old(web):
    handle = web.handle_for()
    folder = fetch(handle)
    (web.folder / "metadata.json").write_text("{}")
    with pytest.raises(PresetError):
        fetch(handle, refresh=True)
    verify_directory(folder)


def test_fetch_offline_uses_cache_and_refuses_the_rest(web, monkeypatch):
    handle = web.handle_for()
    folder = fetch(handle)
    monkeypatch.setenv("METAZOO_OFFLINE", "1")
    assert fetch(handle) == folder
    with pytest.raises(PresetError, match="METAZOO_OFFLINE"):
        fetch(handle.replace("127.0.0.1", "localhost"))


def test_fetch_killed_midway_resumes(web, cache, send_answer):
    def hang_midway(handler, content):
        send_answer(handler, content, cut=300_000)
        handler.server.released.wait(20)

    web.tricks[WEIGHTS] = [hang_midway, send_answer]
    handle = web.handle_for()
    process = start_fetch(handle, cache)
    wait_for_part(cache, 262_144)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not list((cache / "presets").glob("*"))
    verify_directory(fetch(handle))
    first, second = [r for name, r in web.requests if name == WEIGHTS]
    assert first is None
    assert int(second.removeprefix("bytes=").rstrip("-")) >= 262_144
    assert [name for name, _ in web.requests].count("config.json") == 1


def wait_for_part(cache, size):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        parts = list(cache.rglob(f"{WEIGHTS}.part"))
        if parts and parts[0].stat().st_size >= size:
            return
        time.sleep(0.01)
    raise AssertionError("the download never got that far")


def test_fetch_two_processes_download_once(web, cache, send_answer):
    def slow(handler, content):
        time.sleep(0.3)
        send_answer(handler, content)

    web.tricks["config.json"] = [slow]
    handle = web.handle_for()
    processes = [start_fetch(handle, cache) for _ in range(2)]
    answers = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(answers) == 1
    assert len(web.requests) == 4


def test_fetch_registered_remote_preset(web, tiny_spec):
    register_remote(web, tiny_spec)
    folder = fetch("tiny_fake")
    assert verify_directory(folder).preset == "tiny_fake"


def test_fetch_registered_other_hash_refused(web, tiny_spec, nothing_loadable):
    def other(entry):
        entry["files"][WEIGHTS]["sha256"] = "0" * 64

    register_remote(web, tiny_spec, other)
    with pytest.raises(PresetError, match=f"{WEIGHTS}.*{'0' * 64}"):
        fetch("tiny_fake")
    nothing_loadable()


def test_fetch_registered_without_hash_refused(web, tiny_spec):
    register_remote(
        web, tiny_spec, lambda entry: entry["files"][WEIGHTS].pop("sha256")
    )
    with pytest.raises(PresetError, match="sha256 is None"):
        fetch("tiny_fake")


def register_remote(web, spec, change=lambda entry: None):
    metadata = json.loads((web.folder / "metadata.json").read_text())
    files = {}
    for name in ALL_FILES:
        digest = web.handle_for(name).partition("sha256=")[2]
        size = (web.folder / name).stat().st_size
        files[name] = {"url": web.url + name, "sha256": digest, "size": size}
    entry = {"files": files, "metadata": metadata}
    change(entry)
    spec.presets_dir.mkdir()
    text = json.dumps({"tiny_fake": entry})
    (spec.presets_dir / "remote.json").write_text(text)


def test_fetch_local_folder_is_verified_in_place(fake):
    assert fetch(fake) == fake
    with (fake / "README.md").open("a") as file:
        file.write("x")
    with pytest.raises(PresetError, match="README.md is damaged"):
        fetch(str(fake))


def test_fetch_bare_word_folder_found(fake, monkeypatch):
    monkeypatch.chdir(fake.parent)
    assert fetch("tiny_fake").resolve() == fake


def test_fetch_unknown_name_refused(tiny_spec, fake):
    fake.rename(tiny_spec.presets_dir.parent / "tmp")
    tiny_spec.presets_dir.mkdir()
    (tiny_spec.presets_dir.parent / "tmp").rename(
        tiny_spec.presets_dir / "tiny_fake"
    )
    with pytest.raises(PresetError, match="did you mean tiny_fake"):
        fetch("tiny_fke")


def test_fetch_no_space_left_reported(web, monkeypatch, nothing_loadable):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr("metazoo.presets.download.os.fsync", full)
    with pytest.raises(PresetError, match="No space left"):
        fetch(web.handle_for())
    nothing_loadable()


def test_fetch_progress_is_reported_per_file(web):
    seen = []
    fetch(web.handle_for(), progress=lambda *args: seen.append(args))
    assert {name for name, _, _ in seen} == set(ALL_FILES)


def test_fetch_stall_gives_up_in_bounded_time(
    web, monkeypatch, nothing_loadable
):
    def silent(handler, content):
        handler.server.released.wait(10)

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    web.tricks[WEIGHTS] = [functools.partial(silent)]
    with pytest.raises(PresetError, match="timed out"):
        fetch(web.handle_for(), timeout=0.1)
    nothing_loadable()
