from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metazoo.serving.server import json_tensor
from metazoo.serving.signatures import SignatureInfo, TensorInfo
from metazoo.serving.status import StatusError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
SIGNATURE = SignatureInfo(
    "s",
    {
        "x": TensorInfo("x", "float32", (None, 2)),
        "y": TensorInfo("y", "int64", (None,)),
    },
    {},
)


def one_input(dtype, shape=(None,)):
    return SignatureInfo("s", {"x": TensorInfo("x", dtype, shape)}, {})


def decode(document, signature):
    body = json_tensor.parse_body(json.dumps(document).encode())
    return json_tensor.decode(body, signature)


@given(JSON, st.sampled_from(["instances", "inputs"]))
def test_any_json_gives_arrays_or_a_status(value, key):
    try:
        arrays = decode({key: value}, SIGNATURE)
    except StatusError as error:
        assert error.code == "INVALID_ARGUMENT"
    else:
        assert arrays["x"].dtype == np.float32
        assert arrays["y"].dtype == np.int64


@given(st.binary(max_size=200))
def test_any_bytes_give_a_status(body):
    with pytest.raises(StatusError):
        json_tensor.parse_body(body)


@given(
    st.lists(st.floats(width=32), min_size=1, max_size=20),
    st.booleans(),
)
def test_float32_survives_json_exactly(values, rows):
    array = np.array(values, np.float32)
    body = json_tensor.encode({"x": array}, rows)
    back = json.loads(body)["predictions" if rows else "outputs"]
    np.testing.assert_array_equal(np.array(back, np.float32), array)


def test_bytes_come_as_text_or_base64():
    arrays = decode(
        {"instances": ["abc", {"b64": "AP8="}]}, one_input("string")
    )
    assert arrays["x"].tolist() == [b"abc", b"\x00\xff"]


@pytest.mark.parametrize(
    "bad", [[1], [["a"], "b"], [["a", "b"], ["c"]], [{"b64": "?"}], [None]]
)
def test_bad_bytes_are_refused(bad):
    with pytest.raises(StatusError, match="'x'"):
        decode({"inputs": {"x": bad}}, one_input("string"))


def test_ragged_bytes_allocate_nothing():
    # The first row promises 10**8 strings; a thousand are there.
    rows = [["a"] * 1000] + [[]] * 10**5
    info = TensorInfo("x", "string", (None, None))
    tracemalloc.start()
    with pytest.raises(StatusError, match="'x' is ragged"):
        json_tensor.to_array(rows, info)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**26


def test_deep_bytes_are_refused():
    deep = "a"
    for _ in range(5000):
        deep = [deep]
    info = one_input("string").inputs["x"]
    with pytest.raises(StatusError, match="'x'"):
        json_tensor.to_array(deep, info)


def test_bytes_outputs_are_marked_by_name():
    outputs = {
        "text": np.array([b"abc"], object),
        "raw_bytes": np.array([b"\xff"], object),
    }
    answer = json.loads(json_tensor.encode(outputs, rows=False))
    assert answer["outputs"] == {
        "text": ["abc"],
        "raw_bytes": [{"b64": "/w=="}],
    }


def test_half_precision_input_is_unimplemented():
    with pytest.raises(StatusError) as caught:
        decode({"inputs": [1.0]}, one_input("float16"))
    assert caught.value.code == "UNIMPLEMENTED"


def test_bool_input_takes_only_booleans():
    taken = decode({"inputs": [True, False]}, one_input("bool"))
    assert taken["x"].tolist() == [True, False]
    with pytest.raises(StatusError, match="'x'"):
        decode({"inputs": [1, 0]}, one_input("bool"))


def test_scalar_output_fits_columns_only():
    outputs = {"x": np.array(2.5, np.float32)}
    assert json.loads(json_tensor.encode(outputs, rows=False)) == {
        "outputs": 2.5
    }
    with pytest.raises(StatusError, match="rows"):
        json_tensor.encode(outputs, rows=True)


def test_single_input_takes_bare_values_and_objects():
    signature = one_input("int64")
    for document in (
        {"instances": [1, 2]},
        {"instances": [{"x": 1}, {"x": 2}]},
    ):
        assert decode(document, signature)["x"].tolist() == [1, 2]
    for document in ({"inputs": [1, 2]}, {"inputs": {"x": [1, 2]}}):
        assert decode(document, signature)["x"].tolist() == [1, 2]


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize(
    "bad",
    [[True, 1], [1, True], [1, None], [1, "1"], [[1, 2], [True, 3]], [1, {}]],
)
def test_no_other_type_passes_for_a_number(dtype, bad):
    signature = one_input(dtype, shape=None)
    for document in ({"inputs": bad}, {"instances": bad}):
        with pytest.raises(StatusError, match="'x'") as caught:
            decode(document, signature)
        assert caught.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "bad",
    [
        [[1], [2, 3]],
        [[1], 2],
        [[[1]], [2]],
        [[], [1]],
        [[1], []],
        [[1.5] * 300, [1.5] * 299],
        [[1.5] * 300, 1.5],
    ],
)
def test_ragged_lists_are_refused_however_long(bad):
    with pytest.raises(StatusError, match="'x'.*ragged"):
        decode({"inputs": bad}, one_input("float32", shape=None))


def test_rows_of_long_and_short_text_are_one_tensor():
    # The text of one row is cut out as a tensor, that of the other is not.
    signature = one_input("float32", shape=(None, None))
    rows = [[1.0] * 60, [1.2345678] * 60]
    document = {"instances": [{"x": row} for row in rows]}
    np.testing.assert_array_equal(
        decode(document, signature)["x"], np.array(rows, np.float32)
    )
    rows[0].append(1.0)
    with pytest.raises(StatusError, match="'x'.*ragged"):
        decode({"instances": [{"x": row} for row in rows]}, signature)


@pytest.mark.parametrize("value", [0.5, 2**63, -(2**63) - 1, 1e3])
def test_long_lists_hold_integers_for_integer_inputs_only(value):
    numbers = list(range(200))
    signature = one_input("int64")
    assert decode({"inputs": numbers}, signature)["x"].tolist() == numbers
    with pytest.raises(StatusError, match="'x'"):
        decode({"inputs": [*numbers, value]}, signature)
    floats = decode({"inputs": [*numbers, value]}, one_input("float32"))["x"]
    assert floats[-1] == np.float32(value)


def test_long_numbers_are_no_strings_and_no_booleans():
    for dtype in ("string", "bool"):
        with pytest.raises(StatusError, match="'x'"):
            decode({"inputs": list(range(300))}, one_input(dtype))
