"""Texts in JSON and in messages, merged, and beyond limits."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from metazoo.serving import Client, EmbeddedServer
from metazoo.serving.server.batching import BatchingOptions
from metazoo.serving.server.servable import Servable


def post(server, document, model="texts"):
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.rest_port}/v1/models/{model}:predict",
        json.dumps(document).encode(),
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def b64(content):
    return {"b64": base64.b64encode(content).decode()}


EPISODE = {
    "support_x": [["ab", "cd"]],
    "support_y": [[0, 1]],
    "query_x": [["cd", "ab"]],
}


def test_columns_of_strings_are_read(kinds):
    status, answer = post(kinds, {"inputs": EPISODE})
    assert status == 200
    assert answer["outputs"]["classes"] == [[1, 0]]


def test_rows_of_strings_and_base64_are_read(kinds):
    row = {name: value[0] for name, value in EPISODE.items()}
    row["query_x"] = [b64(b"cd"), "ab"]
    status, answer = post(kinds, {"instances": [row, row]})
    assert status == 200
    assert [r["classes"] for r in answer["predictions"]] == [[1, 0]] * 2


def test_single_input_needs_no_name_and_answers_in_text_and_base64(kinds):
    texts = ["é", b64(b"\xff\0"), ""]
    body = {"signature_name": "shout", "instances": texts}
    status, answer = post(kinds, body)
    assert status == 200
    assert [row["size"] for row in answer["predictions"]] == [2, 2, 0]
    assert answer["predictions"][0]["upper"] == "É"
    assert answer["predictions"][1]["raw_bytes"] == b64(b"\xff\0")


@pytest.mark.parametrize(
    "support_x",
    [
        [[1, 2]],
        [["ab", None]],
        [["ab", {"b64": "no base64!"}]],
        [["ab", ["cd"]]],
        [["ab", {"text": "cd"}]],
        ["ab"],
        [[]],
    ],
)
def test_what_is_no_tensor_of_texts_is_400(kinds, support_x):
    status, answer = post(
        kinds, {"inputs": {**EPISODE, "support_x": support_x}}
    )
    assert status == 400
    assert "'support_x'" in answer["error"]


def predict(server, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "texts"
    request.model_spec.signature_name = "shout"
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(value)
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request, timeout=60).outputs


def proto_of(strings, size):
    proto = tf.make_tensor_proto(strings)
    proto.tensor_shape.dim[0].size = size
    return proto


def test_one_string_fills_a_shape_and_none_is_empty(kinds):
    outputs = predict(kinds, text=proto_of(["ab"], 3))
    assert list(outputs["upper"].string_val) == [b"AB"] * 3
    nothing = proto_of(["ab"], 2)
    del nothing.string_val[:]
    outputs = predict(kinds, text=nothing)
    assert tf.make_ndarray(outputs["size"]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("proto", "part"),
    [
        (proto_of(["x" * 2**20], 10**6), "tensor parsing error: text"),
        (proto_of(["a", "b", "c"], 2), "tensor parsing error: text"),
        (tf.make_tensor_proto([1.0]), "'text' has dtype float32"),
        (tf.make_tensor_proto([["a"]]), "'text' has shape"),
    ],
)
def test_message_that_is_no_tensor_of_texts_is_invalid(kinds, proto, part):
    with pytest.raises(grpc.RpcError, match=part) as caught:
        predict(kinds, text=proto)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_enormous_text_is_too_large_a_request(kind_dirs):
    with EmbeddedServer(kind_dirs, 0, 0, max_request_bytes=100_000) as server:
        for port, transport in (
            (server.port, "grpc"),
            (server.rest_port, "rest"),
        ):
            with Client(f"127.0.0.1:{port}", "texts", transport) as client:
                with pytest.raises(Exception, match="larger") as caught:
                    client.call("shout", text=["x" * 200_000])
                assert caught.value.code == "RESOURCE_EXHAUSTED"


class Runs:
    """The numbers of tasks of every run, the first one held."""

    def __init__(self):
        self.sizes = []

    def watch(self, monkeypatch):
        run = Servable.run

        def counted(servable, signature, inputs, *arguments):
            self.sizes.append(len(next(iter(inputs.values()))))
            return run(servable, signature, inputs, *arguments)

        monkeypatch.setattr(Servable, "run", counted)


@pytest.fixture
def runs(monkeypatch):
    made = Runs()
    made.watch(monkeypatch)
    return made


@pytest.fixture(scope="module")
def patient(kind_dirs):
    """A server that waits until four tasks are there."""
    batching = BatchingOptions(
        max_batch_size=4, batch_timeout_micros=20_000_000
    )
    with EmbeddedServer(kind_dirs, 0, 0, batching=batching) as server:
        yield server


def ask_all(patient, questions):
    with (
        Client(f"127.0.0.1:{patient.port}", "texts") as client,
        ThreadPoolExecutor(4) as pool,
    ):
        client.signatures()
        return list(pool.map(lambda ask: ask(client), questions))


def test_texts_of_any_length_are_merged(patient, runs):
    texts = ["a", "bb", "", "long " * 99]
    found = ask_all(
        patient,
        [lambda c, text=text: c.call("shout", text=[text]) for text in texts],
    )
    assert runs.sizes == [4]
    assert [f["size"].tolist() for f in found] == [[len(t)] for t in texts]


def test_merged_tasks_of_different_sizes_get_their_own_answers(
    patient, runs, text_learner
):
    """Padded to one length, so that they can be one batch."""
    supports = [["ab"] * n + ["cd"] * (4 - n) for n in (1, 2, 3, 1)]
    labels = [[0] * n + [1] * (4 - n) for n in (1, 2, 3, 1)]
    sizes = [4, 3, 4, 2]

    def question(index):
        return lambda client: client.call(
            "adapt_padded",
            support_x=[supports[index]],
            support_y=[labels[index]],
            support_size=[sizes[index]],
        )

    found = ask_all(patient, [question(index) for index in range(4)])
    assert sum(runs.sizes) == 4
    for index, size in enumerate(sizes):
        expected = text_learner.adapt(
            np.array([supports[index][:size]]),
            np.array([labels[index][:size]], np.int64),
        )
        np.testing.assert_allclose(
            found[index]["prototypes"], expected["prototypes"], atol=1e-6
        )


def test_tasks_of_unequal_lengths_are_answered_apart(kinds):
    """Without padding they are not merged, and all are answered."""
    document = [
        {
            "inputs": {
                "support_x": [["ab", "cd"] * n],
                "support_y": [[0, 1] * n],
                "query_x": [["cd"] * (1 + n)],
            }
        }
        for n in (1, 2, 3, 4) * 3
    ]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda d: post(kinds, d), document))
    assert {status for status, _ in answers} == {200}
    for n, (_, answer) in zip((1, 2, 3, 4) * 3, answers, strict=True):
        assert answer["outputs"]["classes"] == [[1] * (1 + n)]


def test_faulty_text_spoils_no_task_beside_it(patient, runs):
    def question(texts):
        return lambda client: client.call(
            "adapt", support_x=[texts], support_y=[[0, 1]]
        )

    good, bad = question(["ab", "cd"]), question(["ab", ""])
    found = ask_all(patient, [good, bad, good, good])
    assert runs.sizes == [4]
    spoiled = [bool(np.isnan(f["prototypes"]).any()) for f in found]
    assert spoiled == [False, True, False, False]
