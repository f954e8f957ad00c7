"""States in files: from one client to another, and to no other model."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.cli.states import load_served
from metazoo.contracts.adapted import AdaptedModel, read_adapted
from metazoo.errors import EpisodeError
from metazoo.serving import Client


@pytest.fixture
def clients(grpc_stub, rest_stub):
    """A client over each transport, of the same model."""
    with (
        Client(f"127.0.0.1:{grpc_stub.port}", "stub") as grpc_client,
        Client(f"127.0.0.1:{rest_stub.port}", "stub", "rest") as rest_client,
    ):
        yield grpc_client, rest_client


@pytest.mark.parametrize("first", [0, 1])
def test_a_state_travels_between_transports(
    clients, model, tasks, tmp_path, first
):
    x, y, queries = tasks()
    model.extra_ways = 2
    adapted = clients[first].adapt(x, y)
    path = adapted.save(tmp_path / "state.npz", {"names": ["a"]})
    again = clients[1 - first].load_adapted(path)
    assert (again.single, again.num_ways) == (True, 3)
    np.testing.assert_array_equal(
        again.predict(queries), adapted.predict(queries)
    )
    assert again.predict(queries).shape == (4, 3)
    assert read_adapted(path).notes == {
        "names": ["a"],
        "num_ways": 3,
        **clients[0].origin(),
    }


def test_the_layout_is_the_same_over_both_transports(clients):
    assert clients[0].origin() == clients[1].origin()


def test_a_state_of_another_model_is_refused(
    clients, rest_stub, tasks, tmp_path
):
    path = clients[0].adapt(*tasks()[:2]).save(tmp_path / "state.npz")
    address = f"127.0.0.1:{rest_stub.port}"
    with (
        Client(address, "other", "rest") as other,
        pytest.raises(EpisodeError, match="model 'stub'.*'other'"),
    ):
        other.load_adapted(path)


def test_a_state_of_another_versions_layout_is_refused(
    clients, model, tasks, tmp_path
):
    path = clients[0].adapt(*tasks()[:2]).save(tmp_path / "state.npz")
    model.version = 2
    assert clients[0].load_adapted(path).num_ways == 3
    inputs, outputs = model.signatures["predict"]
    wider = {**inputs, "prototypes": ("float32", (-1, -1, 5))}
    model.signatures["predict"] = (wider, outputs)
    for client in clients:
        with pytest.raises(
            EpisodeError, match="version 1; version 2 of 'stub'"
        ):
            client.load_adapted(path)


def test_a_state_of_a_plain_learner_is_taken_and_checked(
    clients, model, tasks, tmp_path
):
    x, y, queries = tasks()
    state = clients[0].adapt(x, y).state
    path = AdaptedModel(None, state, True).save(tmp_path / "state.npz")
    assert clients[1].load_adapted(path).predict(queries).shape == (4, 3)
    del state["class_mask"]
    path = AdaptedModel(None, state, True).save(path)
    with pytest.raises(EpisodeError, match=r"takes \['class_mask'.*got"):
        clients[1].load_adapted(path).predict(queries)


def test_a_file_that_would_run_code_is_refused(clients, tmp_path):
    path = tmp_path / "state.npz"
    np.savez(path, __single__=np.array(True), x=np.array([print], object))
    with pytest.raises(EpisodeError, match="holds no adapted state"):
        clients[0].load_adapted(path)


@pytest.mark.parametrize("notes", ["[1]", "{", "3"])
def test_notes_that_are_no_notes_are_refused(clients, tmp_path, notes):
    path = tmp_path / "state.npz"
    extra = {"__single__": np.array(True), "__notes__": np.array(notes)}
    np.savez(path, **extra)
    with pytest.raises(EpisodeError, match="state.npz"):
        clients[0].load_adapted(path)


@pytest.mark.parametrize("ways", ["3", 0, -1, 2.5, [3], True])
def test_a_number_of_ways_that_is_none_is_refused(
    clients, tasks, tmp_path, ways
):
    x, y, _ = tasks()
    state = clients[0].adapt(x, y).state
    path = tmp_path / "state.npz"
    AdaptedModel(None, state, True).save(path, {"num_ways": ways})
    with pytest.raises(EpisodeError, match="num_ways must be"):
        clients[0].load_adapted(path)


def test_queries_of_other_tasks_name_both_tensors(clients, tasks):
    x, y, queries = tasks()
    adapted = clients[0].adapt(np.stack([x, x]), np.stack([y, y]))
    with pytest.raises(EpisodeError, match=r"prototypes \[2,3.*query_x \[1,4"):
        clients[0].predict_state(queries, adapted.state)


def test_a_state_and_its_names_come_of_one_reading(
    clients, tasks, tmp_path, monkeypatch
):
    x, y, queries = tasks()
    adapted = clients[0].adapt(x, y)
    path = adapted.save(tmp_path / "state.npz", {"class_names": ["a", "b"]})
    reads, load = [], np.load

    def counted(*arguments, **options):
        reads.append(arguments)
        return load(*arguments, **options)

    monkeypatch.setattr(np, "load", counted)
    again, names = load_served(clients[1], path)
    assert (len(reads), names) == (1, ("a", "b"))
    np.testing.assert_array_equal(
        again.predict(queries), adapted.predict(queries)
    )
