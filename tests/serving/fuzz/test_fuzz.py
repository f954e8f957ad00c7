"""Short fuzzing, and what the long one found."""

from __future__ import annotations

import json
import random

import pytest
from fuzz_inputs import VALUES, predict_request
from fuzz_targets import LOCAL, REMOTE, read_both_ways
from fuzz_wire_calls import METADATA, PREDICT, STATUS, FoundError, Victim
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import predict_pb2

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([{"b64": "AA=="}, {"b64": "?"}, [], {}])
)
VALUE = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["x", "a", "b64"]), inner, max_size=3)
    ),
    max_leaves=12,
)
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.sampled_from([*VALUES, "nope", "", 3, None]),
        "instances": VALUE,
        "inputs": VALUE
        | st.dictionaries(st.sampled_from(["x", "a", "b", "text"]), VALUE),
    },
)


@QUICK
@given(document=DOCUMENT)
def test_any_document_is_answered(victim, document):
    victim.post(json.dumps(document).encode())


@QUICK
@given(data=st.binary(max_size=200))
def test_any_bytes_are_answered(victim, data):
    victim.post(data)
    victim.call(PREDICT, data)
    victim.call(METADATA, data)
    victim.call(STATUS, data)


@QUICK
@given(path=st.text(max_size=30), method=st.sampled_from(["GET", "POST"]))
def test_any_path_is_answered(victim, path, method):
    line = f"{method} /v1/models/{path} HTTP/1.1\r\nHost: h\r\n\r\n"
    victim.head(line.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("name", [*REMOTE, *LOCAL])
def test_mutated_requests_are_answered(victim, name):
    make, run = REMOTE.get(name) or LOCAL[name]
    for seed in range(80):
        data = make(random.Random(f"suite/{name}/{seed}"))
        run(victim, data) if name in REMOTE else run(data)


@pytest.mark.parametrize(
    "body",
    [
        b'{"signature_name": "\\ud800", "inputs": [1]}',
        b'{"signature_name": "double", "inputs": {"\\ud800": NaN}}',
        b'{"signature_name": "\\ud800", "inputs": [NaN]}',
        b'{"signature_name": "text", "inputs": ["\\udfff"], "x": NaN}',
    ],
)
def test_half_a_character_is_no_json(victim, body):
    status, answer = victim.post(body)
    assert status == 400
    assert "JSON Parse error" in answer["error"]


def test_a_whole_character_beside_nan_is_read(victim):
    body = b'{"signature_name": "\\ud83d\\ude00", "inputs": [NaN]}'
    status, answer = victim.post(body)
    assert status == 400
    assert '"\U0001f600" not found' in answer["error"]


@pytest.mark.parametrize("dtype", [20, 21, 121, 100, 2**31 - 1, -1])
def test_dtypes_that_no_array_holds_are_parsing_errors(victim, dtype):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "typed"
    request.model_spec.signature_name = "double"
    request.inputs["x"].dtype = dtype
    request.inputs["x"].tensor_shape.dim.add().size = 1
    code, text = victim.call(PREDICT, request.SerializeToString())
    assert code == "INVALID_ARGUMENT"
    assert "tensor parsing error: x" in text


def test_values_beyond_their_dtype_are_parsing_errors(victim):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "typed"
    request.model_spec.signature_name = "double"
    proto = request.inputs["x"]
    proto.dtype = 4
    proto.tensor_shape.dim.add().size = 2
    proto.int_val.append(2**31 - 1)
    code, text = victim.call(PREDICT, request.SerializeToString())
    assert code == "INVALID_ARGUMENT"
    assert "tensor parsing error: x" in text


def test_requests_that_are_no_messages_use_nothing_up(victim):
    good = predict_request(random.Random("suite/good"))
    for _ in range(60):
        assert victim.call(PREDICT, b"\xff\xff")[0] == "INTERNAL"
    assert victim.call(PREDICT, good)[0] != "UNAVAILABLE"


def test_a_finding_is_raised(fuzzed):
    closed = Victim("127.0.0.1:1", ("127.0.0.1", 1))
    with pytest.raises(FoundError, match="no answer"):
        closed.post(b"{}")
    with pytest.raises(FoundError, match="UNAVAILABLE"):
        closed.call(PREDICT, b"")


def test_readers_that_differ_are_seen(monkeypatch):
    from metazoo.serving.server import json_numbers

    body = b'{"inputs": {"x": [[1]], "y": [[2]], "t": [true]}}'
    read_both_ways(body)
    other = {"inputs": {"x": [[1.5]], "y": [[2]], "t": [True]}}
    monkeypatch.setattr(json_numbers, "load", lambda data: other)
    with pytest.raises(FoundError, match="x"):
        read_both_ways(body)
