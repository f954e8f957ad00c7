from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from metazoo.contracts.adapted import load_state
from metazoo.errors import EpisodeError, ServingError
from metazoo.serving import Client
from metazoo.serving.status import StatusError
from metazoo.serving.transports.base import Deadline, with_retries

REST_WITHOUT_STUBS = """
import sys
for name in ("tensorflow", "tensorflow_serving", "grpc", "orjson"):
    sys.modules[name] = None
import numpy as np
from metazoo.serving import Client
client = Client(sys.argv[1], "linear", transport="rest")
x = np.arange(96.0).reshape(6, 4, 4, 1) / 96
adapted = client.adapt(x, [0, 0, 1, 1, 2, 2])
np.save(sys.argv[2], adapted.predict(x))
"""


def test_adapt_predict_matches_python(client, learner, episode):
    served = client.adapt_predict(
        episode.support_x, episode.support_y, episode.query_x
    )
    expected = learner.adapt_predict(
        episode.support_x, episode.support_y, episode.query_x
    )
    assert sorted(served) == ["classes", "logits", "probabilities"]
    for name, value in served.items():
        assert value.dtype == expected[name].dtype
        np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_adapt_then_predict_equals_adapt_predict(client, episode):
    once = client.adapt_predict(
        episode.support_x, episode.support_y, episode.query_x
    )
    adapted = client.adapt(episode.support_x, episode.support_y)
    assert adapted.state["prototypes"].shape == (2, 3, 6)
    np.testing.assert_allclose(
        adapted.predict(episode.query_x), once["probabilities"], atol=1e-6
    )


def test_single_task_has_no_tasks_axis(client, episode):
    support_x, support_y, query_x = (
        episode.support_x[0],
        episode.support_y[0],
        episode.query_x[0],
    )
    served = client.adapt_predict(support_x, support_y, query_x)
    adapted = client.adapt(support_x, support_y)
    assert served["probabilities"].shape == (5, 3)
    assert adapted.predict(query_x).shape == (5, 3)
    assert adapted.state["prototypes"].shape == (1, 3, 6)


def test_grpc_equals_rest_exactly(server, episode):
    arguments = (episode.support_x, episode.support_y, episode.query_x)
    with (
        Client(f"127.0.0.1:{server.port}", "linear") as grpc_client,
        Client(f"127.0.0.1:{server.rest_port}", "linear", "rest") as rest,
    ):
        first = grpc_client.adapt_predict(*arguments)
        second = rest.adapt_predict(*arguments)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_state_stored_by_one_client_serves_another(server, episode, tmp_path):
    with Client(f"127.0.0.1:{server.port}", "linear") as first:
        adapted = first.adapt(episode.support_x, episode.support_y)
        expected = adapted.predict(episode.query_x)
        path = adapted.save(tmp_path / "state.npz")
    address = f"http://127.0.0.1:{server.rest_port}"
    with Client(address, "linear", "rest") as second:
        again = second.adapted(*load_state(path))
        np.testing.assert_allclose(
            again.predict(episode.query_x), expected, atol=1e-6
        )


def test_uint8_images_and_int32_labels_are_cast(client, episode):
    images = (episode.support_x * 100).astype(np.uint8)
    adapted = client.adapt(images, episode.support_y.astype(np.int32))
    same = client.adapt(images.astype(np.float64), episode.support_y)
    np.testing.assert_array_equal(
        adapted.state["prototypes"], same.state["prototypes"]
    )


def test_wrong_image_size_names_argument(client, episode):
    with pytest.raises(EpisodeError, match="support_x.*4, 4, 1"):
        client.adapt(episode.support_x[:, :, :3], episode.support_y)


def test_different_numbers_of_tasks_are_refused(client, episode):
    with pytest.raises(EpisodeError, match="query_x.*1,5,4,4,1"):
        client.adapt_predict(
            episode.support_x, episode.support_y, episode.query_x[:1]
        )


def test_wrong_state_names_tensor(client, episode):
    bad = client.adapted(
        {
            "prototypes": np.zeros((2, 4, 6), np.float32),
            "class_mask": np.ones((2, 3), np.float32),
        }
    )
    with pytest.raises(EpisodeError, match=r"'prototypes'.*\[2,4,6\]"):
        bad.predict(episode.query_x)


def test_unknown_signature_lists_those_there(server, episode):
    address = f"127.0.0.1:{server.port}"
    with (
        Client(address, "linear", signature_name="nope") as client,
        pytest.raises(ServingError, match="adapt_predict"),
    ):
        client.adapt_predict(
            episode.support_x, episode.support_y, episode.query_x
        )


def test_unknown_model_is_not_found(server):
    for port, transport in ((server.port, "grpc"), (server.rest_port, "rest")):
        with (
            Client(f"127.0.0.1:{port}", "missing", transport) as client,
            pytest.raises(StatusError) as caught,
        ):
            client.metadata()
        assert caught.value.code == "NOT_FOUND"


def test_status_lists_versions(client):
    assert client.status() == [
        {"version": 1, "state": "AVAILABLE", "code": "OK", "message": ""}
    ]


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_no_server_is_unavailable_within_timeout(transport):
    started = time.monotonic()
    with (
        Client("127.0.0.1:9", "linear", transport, timeout=1.0) as client,
        pytest.raises(StatusError) as caught,
    ):
        client.status()
    assert caught.value.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    assert time.monotonic() - started < 5


def test_retries_only_unavailable():
    calls = []

    def fails_with(code, times):
        def call(left):
            calls.append(left)
            if len(calls) <= times:
                raise StatusError(code, "no")
            return "answer"

        return call

    answer = with_retries(fails_with("UNAVAILABLE", 2), Deadline(10.0))
    assert answer == "answer"
    assert len(calls) == 3
    calls.clear()
    with pytest.raises(StatusError):
        with_retries(fails_with("RESOURCE_EXHAUSTED", 1), Deadline(10.0))
    assert len(calls) == 1
    calls.clear()
    with pytest.raises(StatusError):
        with_retries(fails_with("UNAVAILABLE", 99), Deadline(10.0))
    assert len(calls) == 4


def test_rest_deadline_is_deadline_exceeded():
    release = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            release.wait(5)

    slow = HTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{slow.server_port}"
    with (
        Client(address, "linear", "rest", timeout=0.3) as client,
        pytest.raises(StatusError) as caught,
    ):
        client.status()
    release.set()
    slow.shutdown()
    slow.server_close()
    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_client_is_safe_in_threads(client, new_episode):
    episodes = [new_episode(1, seed) for seed in range(16)]

    def ask(e):
        return client.adapt_predict(e.support_x, e.support_y, e.query_x)

    alone = [ask(e)["logits"] for e in episodes]
    with ThreadPoolExecutor(16) as pool:
        together = [out["logits"] for out in pool.map(ask, episodes)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_large_state_passes_message_limits(server):
    support_x = np.ones((40_000, 2, 4, 4, 1), np.float32)
    support_y = np.zeros((40_000, 2), np.int64)
    with Client(f"127.0.0.1:{server.port}", "linear") as client:
        adapted = client.adapt(support_x, support_y)
    # 40,000 tasks x 3 x 6 floats in typed fields: above 4 MiB both ways.
    state = adapted.state["prototypes"]
    assert state.shape == (40_000, 3, 6)
    np.testing.assert_allclose(state, np.broadcast_to(state[:1], state.shape))


def test_rest_needs_neither_tensorflow_nor_stubs(server, learner, tmp_path):
    output = tmp_path / "out.npy"
    subprocess.run(
        [sys.executable, "-c", REST_WITHOUT_STUBS]
        + [f"127.0.0.1:{server.rest_port}", str(output)],
        check=True,
        capture_output=True,
    )
    x = (np.arange(96.0).reshape(1, 6, 4, 4, 1) / 96).astype(np.float32)
    y = np.array([[0, 0, 1, 1, 2, 2]])
    expected = learner.adapt_predict(x, y, x)["probabilities"][0]
    np.testing.assert_allclose(np.load(output), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"transport": "carrier pigeon"}, "transport"),
        ({"version": 1, "label": "stable"}, "not both"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_bad_client_argument_is_named(arguments, message):
    with pytest.raises(ServingError, match=message):
        Client("127.0.0.1:8500", "linear", **arguments)
