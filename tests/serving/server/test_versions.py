"""Version folders coming, going and being half written."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time

import numpy as np
import pytest

from metazoo.errors import ServingError
from metazoo.serving import Client, EmbeddedServer, export
from metazoo.serving.server import app, loading, versions
from metazoo.serving.server.config import ModelConfig
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.server.table import VersionTable
from metazoo.serving.server.versions import VersionManager
from metazoo.serving.status import StatusError


@pytest.fixture
def base(model_dir, tmp_path):
    shutil.copytree(model_dir / "1", tmp_path / "m" / "1")
    return tmp_path / "m"


@pytest.fixture
def managed(base):
    made = []

    def make(**fields):
        manager = VersionManager(
            [ModelConfig("m", base, **fields)],
            Metrics(),
            max_load_retries=1,
            load_retry_interval=0.0,
            allow_unavailable_labels=True,
        )
        made.append(manager)
        manager.poll()
        return manager

    yield make
    for manager in made:
        manager.stop()


def states(manager):
    return {v: s.state for v, s in manager.statuses("m").items()}


def settle(manager):
    """Waits until what is being unloaded is gone."""
    wait_until(lambda: "UNLOADING" not in states(manager).values())
    return states(manager)


def copy_version(base, number):
    staging = base / f"tmp-{number}"
    shutil.copytree(base / "1", staging)
    os.rename(staging, base / str(number))


def test_new_version_replaces_old_and_rolls_back(managed, base):
    manager = managed()
    assert states(manager) == {1: "AVAILABLE"}
    copy_version(base, 2)
    manager.poll()
    assert settle(manager) == {2: "AVAILABLE", 1: "END"}
    shutil.rmtree(base / "2")
    manager.poll()
    assert settle(manager) == {2: "END", 1: "AVAILABLE"}


def test_names_that_are_no_versions_are_ignored(managed, base):
    for name in ("tmp-3", "03x", ".tmp-6", str(2**63), "9" * 200):
        shutil.copytree(base / "1", base / name)
    os.rename(base / "1", base / "0007")
    assert states(managed()) == {7: "AVAILABLE"}


def test_largest_version_is_served(managed, base):
    os.rename(base / "1", base / str(2**63 - 1))
    assert states(managed()) == {2**63 - 1: "AVAILABLE"}


def test_of_two_spellings_the_last_is_served_with_a_warning(
    managed, base, caplog
):
    os.rename(base / "1", base / "7")
    shutil.copytree(base / "7", base / "0007")
    (base / "0007" / "saved_model.pb").unlink()
    assert states(managed()) == {7: "AVAILABLE"}
    assert "0007 are both version 7; 7 is taken" in caplog.text


def test_half_written_version_never_takes_over(managed, base):
    manager = managed()
    (base / "2").mkdir()
    for _ in range(3):
        manager.poll()
    assert states(manager) == {2: "END", 1: "AVAILABLE"}
    assert manager.statuses("m")[2].code == "NOT_FOUND"
    shutil.copytree(base / "1", base / "2", dirs_exist_ok=True)
    manager.poll()
    assert states(manager) == {2: "END", 1: "AVAILABLE"}
    copy_version(base, 3)
    manager.poll()
    assert settle(manager) == {3: "AVAILABLE", 2: "END", 1: "END"}


def test_damaged_files_do_not_load(managed, base):
    copy_version(base, 2)
    (base / "2" / "saved_model.pb").write_bytes(b"damaged")
    copy_version(base, 3)
    warmup = base / "3" / "assets.extra" / "tf_serving_warmup_requests"
    warmup.write_bytes(b"damaged" * 10)
    manager = managed(latest=0)
    manager.poll()
    assert states(manager) == {3: "END", 2: "END", 1: "AVAILABLE"}


def test_policies_all_and_specific(managed, base):
    copy_version(base, 2)
    copy_version(base, 3)
    assert states(managed(latest=0)) == dict.fromkeys((3, 2, 1), "AVAILABLE")
    assert states(managed(latest=2)) == dict.fromkeys((3, 2), "AVAILABLE")
    manager = managed(specific=(1, 3), labels={"old": 1})
    assert states(manager) == dict.fromkeys((3, 1), "AVAILABLE")
    with manager.use("m") as newest, manager.use("m", label="old") as old:
        assert (newest.version, old.version) == (3, 1)


def test_specific_versions_that_are_none_serve_nothing(managed, base):
    manager = managed(specific=())
    with pytest.raises(StatusError), manager.use("m"):
        pass
    assert ModelConfig("m", base).wanted([1, 2]) == [2]


def test_missing_folder_keeps_serving_and_comes_back(managed, base, caplog):
    manager = managed()
    away = base.with_name("away")
    os.rename(base, away)
    manager.poll()
    manager.poll()
    assert states(manager) == {1: "AVAILABLE"}
    assert caplog.text.count("waiting for its folder") == 1
    # A file in its place can't be read as a folder either.
    base.write_text("")
    manager.poll()
    assert states(manager) == {1: "AVAILABLE"}
    base.unlink()
    copy_version(away, 2)
    os.rename(away, base)
    manager.poll()
    assert settle(manager) == {2: "AVAILABLE", 1: "END"}


def test_half_written_version_that_is_filled_before_a_retry_loads(base):
    manager = VersionManager(
        [ModelConfig("m", base)], Metrics(), load_retry_interval=0.0
    )
    manager.poll()
    (base / "2").mkdir()
    manager.poll()
    assert states(manager) == {2: "LOADING", 1: "AVAILABLE"}
    shutil.copytree(base / "1", base / "2", dirs_exist_ok=True)
    manager.poll()
    assert states(manager)[2] == "AVAILABLE"
    manager.stop()


@pytest.mark.parametrize("where", ["find_versions", "Servable"])
def test_model_that_crashes_the_poll_keeps_no_other_from_loading(
    base, monkeypatch, where
):
    module = {"find_versions": versions, "Servable": loading}[where]
    original = getattr(module, where)

    def crash(*arguments):
        if "bad" in str(arguments):
            raise MemoryError("no memory")
        return original(*arguments)

    monkeypatch.setattr(module, where, crash)
    bad = base.with_name("bad")
    shutil.copytree(base, bad)
    manager = VersionManager(
        [ModelConfig("bad", bad), ModelConfig("m", base)],
        Metrics(),
        poll_interval=0.05,
        max_load_retries=0,
    )
    manager.start()
    wait_until(lambda: served_version(manager) == 1)
    # The thread goes on.
    copy_version(base, 2)
    wait_until(lambda: served_version(manager) == 2)
    manager.stop()


def served_version(manager):
    try:
        with manager.use("m") as servable:
            return servable.version
    except StatusError:
        return None


def test_model_is_settled_only_when_no_version_is_still_tried():
    table = VersionTable()
    second, first = table.begin("m", 2), table.begin("m", 1)
    table.update(second, state="END", code="NOT_FOUND")
    assert not table.is_settled("m")
    table.update(first, state="END", code="NOT_FOUND")
    assert table.is_settled("m")
    table.update(first, state="AVAILABLE", code="OK")
    assert table.is_settled("m")


def test_unloading_waits_for_requests(managed, base, request_inputs):
    manager = managed()
    with manager.use("m") as servable:
        copy_version(base, 2)
        manager.poll()
        assert states(manager) == {2: "AVAILABLE", 1: "UNLOADING"}
        with manager.use("m") as newer:
            assert newer.version == 2
        with pytest.raises(StatusError), manager.use("m", version=1):
            pass
        answer = servable.run("serving_default", request_inputs, ["classes"], 0)
        assert answer["classes"].shape == (2, 5)
    assert settle(manager) == {2: "AVAILABLE", 1: "END"}


def test_long_request_of_old_version_holds_up_no_load(managed, base):
    manager = managed()
    with manager.use("m"):
        copy_version(base, 2)
        manager.poll()
        copy_version(base, 3)
        manager.poll()
        found = states(manager)
        assert (found[3], found[1]) == ("AVAILABLE", "UNLOADING")
    settle(manager)


def test_stop_gives_up_on_requests_that_do_not_end(managed, base):
    manager = managed()
    with manager.use("m"):
        assert manager.stop(timeout=0.0) is False
    assert manager.stop() is True


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_hot_swap_drops_no_request(learner, new_learner, tmp_path, episode):
    base = tmp_path / "linear"
    export(learner, base)
    other = new_learner(seed=1)
    arguments = (episode.support_x, episode.support_y, episode.query_x)
    expected = [
        np.asarray(m.adapt_predict(*arguments)["logits"])
        for m in (learner, other)
    ]
    seen, stop = set(), threading.Event()

    def load(client):
        while not stop.is_set():
            logits = client.adapt_predict(*arguments)["logits"]
            close = [np.allclose(logits, e, atol=1e-4) for e in expected]
            seen.add((clients.index(client), close.index(True)))

    with EmbeddedServer(
        {"linear": base}, port=0, rest_port=0, poll_interval=0.1
    ) as server:
        clients = [
            Client(f"127.0.0.1:{server.port}", "linear"),
            Client(f"127.0.0.1:{server.rest_port}", "linear", "rest"),
        ]
        failures = []

        def guarded(client):
            try:
                load(client)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=guarded, args=(c,)) for c in clients]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(seen) == 2 or failures)
        export(other, base)
        wait_until(lambda: len(seen) == 4 or failures)
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_broken_only_version_refuses_to_start(tmp_path):
    (tmp_path / "m" / "1").mkdir(parents=True)
    server = EmbeddedServer(
        {"m": tmp_path / "m"},
        port=0,
        rest_port=0,
        poll_interval=0.1,
        max_load_retries=1,
        load_retry_interval=0.0,
    )
    with pytest.raises(ServingError, match="m: version 1"):
        server.start()


def test_missing_base_path_times_out_naming_it(tmp_path):
    server = EmbeddedServer(
        {"m": tmp_path / "none"}, port=0, rest_port=0, start_timeout=0.3
    )
    with pytest.raises(ServingError, match="none"):
        server.start()


@pytest.mark.parametrize("which", ["port", "rest_port"])
def test_port_in_use_is_a_clear_error(server, model_dir, which):
    ports = {"port": 0, "rest_port": 0, which: getattr(server, which)}
    second = EmbeddedServer({"linear": model_dir}, **ports)
    option = "--" + which.replace("_", "-")
    with pytest.raises(ServingError, match=f"another server.*{option}"):
        second.start()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
@pytest.mark.parametrize("which", ["port", "rest_port"])
def test_ipv6_port_in_use_is_a_clear_error(model_dir, which):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        ports = {"port": 0, "rest_port": 0, which: taken.getsockname()[1]}
        second = EmbeddedServer({"linear": model_dir}, host="::1", **ports)
        with pytest.raises(ServingError, match=r"\[::1\].*another server"):
            second.start()


def test_port_taken_while_models_load_leaves_nothing_open(
    model_dir, monkeypatch
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(app, "check_free", lambda *arguments: None)
        second = EmbeddedServer(
            {"linear": model_dir}, 0, taken.getsockname()[1]
        )
        with pytest.raises(ServingError, match="another server"):
            second.start()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", second.port), 5)


def test_server_without_models_is_refused():
    with pytest.raises(ServingError, match="at least one"):
        EmbeddedServer({})


def test_stop_waits_no_longer_than_asked_for_a_slow_load(base, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()
    dropped = threading.Event()

    class Slow(loading.Servable):
        def __init__(self, *arguments):
            begun.set()
            may_end.wait()
            super().__init__(*arguments)

        def retire(self, *arguments):
            dropped.set()
            return super().retire(*arguments)

    monkeypatch.setattr(loading, "Servable", Slow)
    manager = VersionManager([ModelConfig("m", base)], Metrics())
    manager.start()
    begun.wait()
    assert not manager.stop(timeout=0.01)
    may_end.set()
    assert dropped.wait(timeout=60)
    assert manager.stop()
    assert states(manager) == {1: "END"}
