"""Servers that fail, stall, lie, or are replaced."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from metazoo.errors import EpisodeError, ServingError
from metazoo.serving import Client
from metazoo.serving.status import StatusError
from metazoo.serving.transports import base


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(base, "FIRST_PAUSE", 0.001)


@pytest.fixture
def rest(rest_stub):
    """Makes REST clients of the stub."""
    made = []

    def make(**options):
        address = f"127.0.0.1:{rest_stub.port}"
        made.append(Client(address, "stub", "rest", **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


def refused(code, call, *arguments):
    with pytest.raises(StatusError) as caught:
        call(*arguments)
    assert caught.value.code == code
    return caught.value.message


def test_unavailable_twice_then_an_answer(connect, model, tasks):
    client = connect()
    client.metadata()
    model.failures.extend(["UNAVAILABLE", "UNAVAILABLE"])
    assert client.adapt_predict(*tasks())["logits"].shape == (4, 3)
    model.failures.extend(["UNAVAILABLE"] * 9)
    refused("UNAVAILABLE", client.adapt_predict, *tasks())
    assert len(model.failures) == 9 - 1 - base.RETRIES


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"])
def test_other_codes_are_not_tried_again(connect, model, tasks, code):
    client = connect()
    client.metadata()
    model.failures.extend([code, code])
    refused(code, client.adapt_predict, *tasks())
    assert len(model.failures) == 1


def test_no_retries_means_one_try(connect, model):
    model.failures.extend(["UNAVAILABLE", "UNAVAILABLE"])
    refused("UNAVAILABLE", connect(retries=0).status)
    assert len(model.failures) == 1


def test_retries_stay_within_the_deadline(monkeypatch):
    monkeypatch.setattr(base, "FIRST_PAUSE", 10.0)
    started = time.monotonic()

    def fail(left):
        assert left <= 0.2
        raise StatusError("UNAVAILABLE", "no")

    with pytest.raises(StatusError):
        base.with_retries(fail, base.Deadline(0.2))
    assert time.monotonic() - started < 1


def test_a_new_version_of_another_signature_is_noticed(connect, model, tasks):
    client = connect()
    x, y, queries = tasks()
    client.adapt_predict(x, y, queries)
    asked = model.metadata_calls
    larger = ("float32", (-1, -1, 3, 3, 1))
    model.version = 2
    model.signatures = {
        name: (
            {k: larger if k.endswith("_x") else v for k, v in inputs.items()},
            outputs,
        )
        for name, (inputs, outputs) in model.signatures.items()
        if "bytes" not in name
    }
    with pytest.raises(EpisodeError, match=r"support_x.*3, 3, 1"):
        client.adapt_predict(x, y, queries)
    assert model.metadata_calls == asked + 1
    shape = client.signatures()["adapt"].inputs["support_x"].shape
    assert shape == (None, None, 3, 3, 1)
    # It refused what the server said no to; now it takes what it wants.
    model.adapt = lambda support_x, support_y: {
        "prototypes": np.zeros((1, 3, 4)),
        "class_mask": np.ones((1, 3)),
    }
    client.adapt(np.ones((6, 3, 3, 1)), y)


def test_a_signature_that_vanished_is_noticed(connect, model, tasks):
    client = connect()
    client.adapt_predict(*tasks())
    kept = ("adapt", "predict")
    model.signatures = {k: model.signatures[k] for k in kept}
    with pytest.raises(ServingError, match="no signature 'adapt_predict'"):
        client.adapt_predict(*tasks())


def test_outputs_of_a_new_version_are_taken(connect, model, tasks):
    client = connect()
    client.adapt_predict(*tasks())
    inputs, outputs = model.signatures["adapt_predict"]
    more = {**outputs, "distance": ("float32", (-1,))}
    model.signatures["adapt_predict"] = (inputs, more)
    model.signatures.pop("adapt_predict_bytes")
    model.spoil = lambda found: {**found, "distance": np.ones(1, np.float32)}
    found = client.adapt_predict(*tasks())
    assert found["distance"] == 1


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (
            lambda o: {**o, "logits": o["logits"][:, 0]},
            "'logits' came with",
        ),
        (
            lambda o: {**o, "classes": o["classes"].astype(np.int16)},
            "'classes'",
        ),
        (
            lambda o: {k: np.concatenate([v, v]) for k, v in o.items()},
            "for 2 tasks; 1 were sent",
        ),
        (lambda o: {"logits": o["logits"]}, "output|answer"),
    ],
)
def test_an_answer_not_of_the_signature_is_refused(
    connect, model, tasks, spoil, match
):
    model.spoil = spoil
    message = refused("INTERNAL", connect().adapt_predict, *tasks())
    assert re.search(match, message), message


def test_nan_answers_name_the_task(connect, model, tasks):
    model.spoil = lambda o: {**o, "logits": o["logits"] * np.nan}
    with pytest.raises(EpisodeError, match=r"support_y.*tasks \[0\]"):
        connect().adapt_predict(*tasks())


def test_sixteen_threads_get_their_own_answers(connect, tasks):
    client = connect()
    work = [tasks(ways=2 + seed % 4, seed=seed) for seed in range(32)]
    alone = [client.adapt_predict(*task)["logits"] for task in work]
    with ThreadPoolExecutor(16) as pool:
        together = pool.map(lambda t: client.adapt_predict(*t), work)
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, other["logits"])


def test_a_slow_model_ends_at_the_deadline(connect, model, tasks):
    client = connect(timeout=0.3)
    client.metadata()
    model.spoil = lambda outputs: (time.sleep(0.6), outputs)[1]
    started = time.monotonic()
    message = refused("DEADLINE_EXCEEDED", client.adapt_predict, *tasks())
    assert "127.0.0.1" in message
    assert time.monotonic() - started < 0.6


def test_connections_are_kept_alive(rest, rest_stub):
    client = rest()
    for _ in range(5):
        client.status()
    assert len(rest_stub.connections) == 1


def cut(handler):
    handler.close_connection = True


def test_an_idle_connection_that_was_closed_is_replaced(rest, rest_stub):
    client = rest(retries=0)
    client.status()
    rest_stub.faults.append(cut)
    assert client.status()[0]["version"] == 1


def test_a_server_that_goes_in_the_middle_is_unavailable(rest, rest_stub):
    def half(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b'{"model')
        handler.close_connection = True

    rest_stub.faults.extend([half] * 4)
    message = refused("UNAVAILABLE", rest().status)
    assert "IncompleteRead" in message
    assert rest().status()


@pytest.mark.parametrize("part", ["headers", "body"])
def test_slow_bytes_end_at_the_deadline(rest, rest_stub, part):
    def drip(handler):
        if part == "body":
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    rest_stub.faults.append(drip)
    started = time.monotonic()
    message = refused("DEADLINE_EXCEEDED", rest(timeout=0.3).status)
    assert "127.0.0.1" in message
    assert time.monotonic() - started < 1.5


def test_a_server_that_does_not_read_ends_at_the_deadline(
    rest, rest_stub, model
):
    def ignore(handler):
        time.sleep(1)

    client = rest(timeout=0.4, encoding="json")
    client.metadata()
    rest_stub.faults.append(ignore)
    started = time.monotonic()
    x = np.ones((1, 20_000, 2, 2, 1)) / 3
    refused("DEADLINE_EXCEEDED", client.adapt, x, np.zeros((1, 20_000), int))
    assert time.monotonic() - started < 1.5


def answer(status, data, kind="application/json"):
    return lambda handler: handler.reply(status, data, kind)


PAGE = b"<html><title>502 Bad Gateway</title><h1>nginx</h1></html>"


@pytest.mark.parametrize(
    ("fault", "code", "match"),
    [
        (answer(200, b"{"), "INTERNAL", "no JSON: '{'"),
        (answer(200, b""), "INTERNAL", "an empty body"),
        (answer(200, PAGE, "text/html"), "INTERNAL", "502 Bad Gateway nginx"),
        (answer(200, b"[1]"), "INTERNAL", "does not list versions"),
        (answer(200, b'{"model_version_status": 3}'), "INTERNAL", "versions"),
        (answer(413, b"", "text/html"), "RESOURCE_EXHAUSTED", "HTTP 413"),
        (answer(404, PAGE, "text/html"), "NOT_FOUND", "not from a model"),
        (answer(301, b""), "UNKNOWN", "HTTP 301"),
        (answer(500, b'{"error": "oh"}'), "INTERNAL", "^oh$"),
        (answer(400, b'{"other": 1}'), "INVALID_ARGUMENT", "HTTP 400"),
    ],
)
def test_answers_that_are_no_model_servers_are_told(
    rest, rest_stub, fault, code, match
):
    rest_stub.faults.append(fault)
    message = refused(code, rest().status)
    assert re.search(match, message), message
    assert not rest_stub.faults


def test_a_bad_gateway_is_tried_again(rest, rest_stub):
    rest_stub.faults.extend([answer(502, PAGE, "text/html")] * 2)
    assert rest().status()[0]["state"] == "AVAILABLE"
    rest_stub.faults.extend([answer(502, PAGE, "text/html")] * 4)
    assert "Bad Gateway" in refused("UNAVAILABLE", rest().status)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (b"{}", "no field 'outputs'"),
        (b'{"outputs": [1]}', "no names"),
        (b'{"outputs": {"other": 1}}', "unknown output 'other'"),
        (b'{"outputs": {"labels": ["a"], "lengths": [0.5]}}', "'lengths'"),
        (b'{"outputs": {"labels": ["a"], "lengths": [[1], 2]}}', "'lengths'"),
        (b'{"outputs": {"labels": [{"x": 1}], "lengths": [1]}}', "'labels'"),
    ],
)
def test_strange_outputs_are_told(rest, rest_stub, body, match):
    client = rest()
    client.metadata()
    rest_stub.faults.append(answer(200, body))
    with pytest.raises(StatusError, match=match) as caught:
        client.call("embed", words=["a"])
    assert caught.value.code == "INTERNAL"


def test_not_a_number_travels_in_both_directions(rest, rest_stub, model):
    model.spoil = lambda found: {
        k: np.full_like(v, np.inf) for k, v in found.items()
    }
    found = rest(encoding="json").call(
        "adapt",
        support_x=np.full((1, 1, 2, 2, 1), np.nan, np.float32),
        support_y=[[0]],
    )
    assert np.isinf(found["class_mask"]).all()
    assert np.isnan(model.calls[0][1]["support_x"]).all()


def test_a_refused_body_is_answered_before_it_is_read(rest, rest_stub):
    def refuse(handler):
        handler.reply(413, {"error": "too large"})
        handler.close_connection = True

    client = rest(encoding="json", retries=0)
    client.metadata()
    rest_stub.faults.append(refuse)
    x = np.ones((1, 200_000, 2, 2, 1)) / 3
    with pytest.raises(StatusError) as caught:
        client.adapt(x, np.zeros((1, 200_000), int))
    # The system may drop the answer with the connection.
    assert caught.value.code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE")


def test_a_closed_client_says_so(connect):
    client = connect()
    client.close()
    with pytest.raises(ServingError, match="closed"):
        client.status()


def test_grpc_to_a_rest_port_says_so(rest_stub):
    with Client(f"127.0.0.1:{rest_stub.port}", "stub") as client:
        assert "REST port" in refused("UNAVAILABLE", client.status)


def test_rest_to_a_grpc_port_says_so(grpc_stub):
    with Client(f"127.0.0.1:{grpc_stub.port}", "stub", "rest") as client:
        assert "gRPC port" in refused("UNAVAILABLE", client.status)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_nobody_there_names_the_address(transport, free_port):
    with Client(f"127.0.0.1:{free_port}", "stub", transport) as client:
        message = refused("UNAVAILABLE", client.status)
    assert f"127.0.0.1:{free_port}" in message
    assert "efused" in message


def test_a_grpc_server_that_goes_in_the_middle(grpc_stub, model, tasks):
    model.spoil = lambda outputs: (
        grpc_stub.server.stop(None),
        time.sleep(0.1),
        outputs,
    )[-1]
    with Client(f"127.0.0.1:{grpc_stub.port}", "stub") as client:
        refused("UNAVAILABLE", client.adapt_predict, *tasks())


@pytest.mark.parametrize("kind", ["grpc", "rest"])
def test_a_server_that_came_back_is_found(kind, model, stub_kinds):
    kind = stub_kinds[kind]
    before = kind(model)
    transport = "rest" if kind is stub_kinds["rest"] else "grpc"
    address = f"127.0.0.1:{before.port}"
    with Client(address, "stub", transport, timeout=5, retries=12) as client:
        assert client.status()
        before.stop()
        refused("UNAVAILABLE", Client(address, "stub", "rest").status)
        after = kind(model, port=before.port)
        try:
            assert client.status()[0]["state"] == "AVAILABLE"
        finally:
            after.stop()
