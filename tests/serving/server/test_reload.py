"""Replacing the list of models: over gRPC, by labels, from a file."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
)

from metazoo.errors import ServingError
from metazoo.serving import EmbeddedServer
from metazoo.serving.server.config import ModelConfig, from_file
from metazoo.serving.server.config_watch import ConfigWatch
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.server.versions import VersionManager
from metazoo.serving.status import StatusError


@pytest.fixture
def base(model_dir, tmp_path):
    shutil.copytree(model_dir / "1", tmp_path / "m" / "1")
    return tmp_path / "m"


@pytest.fixture
def two_versions(base):
    shutil.copytree(base / "1", base / "2")
    return base


@pytest.fixture
def manager(base):
    made = VersionManager(
        [ModelConfig("m", base, latest=0)],
        Metrics(),
        poll_interval=0.05,
        max_load_retries=0,
    )
    made.start()
    made.wait_available(60)
    yield made
    made.stop()


@pytest.fixture
def served(base):
    with (
        EmbeddedServer({"m": base}, 0, None, grpc_threads=2) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield model_service_pb2_grpc.ModelServiceStub(channel)


def request_of(**folders):
    request = model_management_pb2.ReloadConfigRequest()
    for name, folder in folders.items():
        request.config.model_config_list.config.add(
            name=name, base_path=str(folder), model_platform="tensorflow"
        )
    return request


def state_of(stub, name):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    response = stub.GetModelStatus(request, timeout=20)
    entry = response.model_version_status[0]
    return get_model_status_pb2.ModelVersionStatus.State.Name(entry.state)


def code_of(call):
    with pytest.raises(StatusError) as caught:
        call()
    return caught.value.code


def wait_until(condition):
    waited = threading.Event()
    for _ in range(600):
        if condition():
            return
        waited.wait(0.05)
    raise AssertionError("it did not come about")


def test_reload_replaces_list_of_models(served, base, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(base, other)
    served.HandleReloadConfigRequest(request_of(other=other), timeout=60)
    assert state_of(served, "other") == "AVAILABLE"
    wait_until(lambda: state_of(served, "m") == "END")


def test_reloads_without_deadline_hold_up_nobody(served, base, tmp_path):
    waiting = [
        served.HandleReloadConfigRequest.future(
            request_of(m=base, missing=tmp_path / f"none-{number}")
        )
        for number in range(20)
    ]
    # A later list ends the wait for an earlier one; so all have come when all
    # but the last have been ended.
    wait_until(lambda: sum(call.done() for call in waiting) == 19)
    assert state_of(served, "m") == "AVAILABLE"
    served.HandleReloadConfigRequest(request_of(m=base), timeout=60)
    codes = {call.exception(timeout=60).code() for call in waiting}
    assert codes == {grpc.StatusCode.ABORTED}


def test_new_model_that_does_not_load_is_unknown(manager, base, tmp_path):
    (tmp_path / "broken" / "1").mkdir(parents=True)
    configs = [
        ModelConfig("m", base),
        ModelConfig("broken", tmp_path / "broken"),
    ]
    with pytest.raises(StatusError, match="UNKNOWN.*broken: version 1"):
        manager.reload(configs, None)


def test_reload_in_vain_ends_with_its_deadline(manager, base, tmp_path):
    configs = [ModelConfig("m", base), ModelConfig("x", tmp_path / "none")]
    code = code_of(lambda: manager.reload(configs, 0.2))
    assert code == "DEADLINE_EXCEEDED"


def test_concurrent_reloads_end_in_one_of_the_lists(manager, base):
    lists = [
        [ModelConfig("m", base), ModelConfig(f"copy-{number}", base)]
        for number in range(8)
    ]

    def reload(configs):
        try:
            manager.reload(configs, 60)
        except StatusError as error:
            return error.code
        return "OK"

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(reload, lists))
    assert set(codes) <= {"OK", "ABORTED"}
    assert "OK" in codes
    copies = [n for n in range(8) if manager.is_configured(f"copy-{n}")]
    assert len(copies) == 1


def test_end_of_the_server_ends_the_wait(manager, base, tmp_path):
    configs = [ModelConfig("m", base), ModelConfig("x", tmp_path / "none")]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(manager.reload, configs, None)
        wait_until(lambda: manager.is_configured("x"))
        manager.end_waits()
        assert code_of(waiting.result) == "ABORTED"


def labelled(base, **labels):
    return [ModelConfig("m", base, latest=0, labels=labels)]


def version_of(manager, label):
    with manager.use("m", label=label) as servable:
        return servable.version


def test_labels_move_by_reload(manager, two_versions):
    wait_until(lambda: len(manager.statuses("m")) == 2)
    wait_until(lambda: manager.statuses("m")[2].state == "AVAILABLE")
    manager.reload(labelled(two_versions, stable=1, canary=2), 20)
    assert version_of(manager, "stable") == 1
    assert version_of(manager, "canary") == 2
    manager.reload(labelled(two_versions, stable=2), 20)
    assert version_of(manager, "stable") == 2
    assert code_of(lambda: version_of(manager, "canary")) == "INVALID_ARGUMENT"


def test_label_on_a_version_that_is_not_there_changes_nothing(manager, base):
    manager.reload(labelled(base, stable=1), 20)
    configs = [*labelled(base, stable=9), ModelConfig("x", base)]
    assert code_of(lambda: manager.reload(configs, 20)) == "FAILED_PRECONDITION"
    assert version_of(manager, "stable") == 1
    assert not manager.is_configured("x")


def test_labels_at_the_start_need_the_option(base):
    configs = labelled(base, stable=1)
    with pytest.raises(ServingError, match="allow version labels"):
        EmbeddedServer(configs)
    EmbeddedServer(configs, allow_unavailable_labels=True)


def test_with_the_option_new_labels_may_wait_and_old_ones_not(base):
    manager = VersionManager(
        labelled(base, stable=1), Metrics(), allow_unavailable_labels=True
    )
    manager.poll()
    assert version_of(manager, "stable") == 1
    manager.reload(labelled(base, stable=1, next=5), 20)
    assert code_of(lambda: version_of(manager, "next")) == "NOT_FOUND"
    moved = labelled(base, stable=5, next=5)
    assert code_of(lambda: manager.reload(moved, 20)) == "FAILED_PRECONDITION"
    manager.stop()


@pytest.mark.parametrize("label", ["", "a/b", "a:b", "a b", "100%"])
def test_label_that_rest_can_not_address_is_invalid(base, label):
    call = lambda: labelled(base, **{label: 1})  # noqa: E731
    assert code_of(call) == "INVALID_ARGUMENT"


CONFIG = """model_config_list {{
  config {{
    name: "m"
    base_path: "{base}"
    model_platform: "tensorflow"
    {more}
  }}
}}
"""


def write(path, base, more=""):
    path.write_text(CONFIG.format(base=base, more=more))
    return path


def test_file_gives_policies_and_labels(tmp_path, base):
    more = """model_version_policy { specific { versions: 3 versions: 5 } }
    version_labels { key: "stable" value: 3 }"""
    (found,) = from_file(write(tmp_path / "models.config", base, more))
    assert found == ModelConfig(
        "m", base, specific=(3, 5), labels={"stable": 3}
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("model_config_list {\n  config { nam: 1 }\n}", "2:12"),
        ("", "only a model_config_list"),
        (CONFIG.format(base="relative", more=""), "absolute"),
    ],
)
def test_bad_file_is_named_with_what_is_wrong(tmp_path, text, part):
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ServingError, match=part) as caught:
        from_file(path)
    assert str(path) in str(caught.value)


def test_old_model_type_is_taken_as_the_platform(tmp_path, base):
    text = CONFIG.format(base=base, more="model_type: TENSORFLOW")
    path = tmp_path / "models.config"
    path.write_text(text.replace('model_platform: "tensorflow"', ""))
    assert from_file(path)[0].name == "m"
    path.write_text(text)
    with pytest.raises(ServingError, match="both model_type"):
        from_file(path)


def test_watched_file_is_applied_and_a_bad_one_is_not(
    manager, base, tmp_path, caplog
):
    path = write(tmp_path / "models.config", base)
    watch = ConfigWatch(path, 5.0, manager)
    watch.look()
    more = 'version_labels { key: "stable" value: 1 }'
    write(path, base, more)
    watch.look()
    assert version_of(manager, "stable") == 1
    path.write_text("model_config_list {")
    watch.look()
    watch.look()
    assert version_of(manager, "stable") == 1
    assert caplog.text.count("was read again") == 1


def test_server_reads_its_file_again(base, tmp_path):
    path = write(tmp_path / "models.config", base)
    with EmbeddedServer(
        None,
        0,
        None,
        model_config_file=path,
        config_poll_interval=0.05,
    ) as server:
        assert server.names == ["m"]
        text = path.read_text().replace('name: "m"', 'name: "renamed"')
        path.write_text(text)
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            wait_until(lambda: known(stub, "renamed"))


def known(stub, name):
    try:
        return state_of(stub, name) == "AVAILABLE"
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND
        return False
