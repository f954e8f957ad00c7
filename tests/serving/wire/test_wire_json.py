"""The JSON of predict: rows, columns, numbers, strings."""

from __future__ import annotations

import base64
import json
import math

import numpy as np
import pytest

PREDICT = "/v1/models/linear:predict"
TYPED = "/v1/models/typed:predict"


def test_rows_and_columns_agree(ask, columns, rows):
    status, by_column = ask("POST", PREDICT, {"inputs": columns})
    assert status == 200
    status, by_row = ask("POST", PREDICT, {"instances": rows})
    assert status == 200
    assert list(by_row) == ["predictions"]
    for task, row in enumerate(by_row["predictions"]):
        for name, value in row.items():
            np.testing.assert_allclose(
                value, by_column["outputs"][name][task], atol=1e-6
            )


def test_json_equals_the_learner(
    ask, columns, request_inputs, learner, local_answer
):
    _, answer = ask("POST", PREDICT, {"inputs": columns})
    expected = local_answer(learner, request_inputs)
    assert set(answer["outputs"]) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(answer["outputs"][name], value, atol=1e-5)


def test_one_output_comes_bare(ask):
    values = [[1.0, 2.0], [3.0, 4.5]]
    answer = typed(ask, "wide", inputs={"x": values})
    assert answer == {"outputs": [[2.0, 4.0], [6.0, 9.0]]}
    answer = typed(ask, "wide", instances=[{"x": row} for row in values])
    assert answer == {"predictions": [[2.0, 4.0], [6.0, 9.0]]}


def typed(ask, signature, **body):
    status, answer = ask("POST", TYPED, {"signature_name": signature, **body})
    assert status == 200, answer
    return answer


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": {"x": [1, 2.5]}},
        {"inputs": [1, 2.5]},
        {"instances": [1, 2.5]},
        {"instances": [{"x": 1}, {"x": 2.5}]},
    ],
)
def test_one_input_may_come_bare(ask, body):
    answer = typed(ask, "double", **body)
    assert answer in ({"outputs": [2.0, 5.0]}, {"predictions": [2.0, 5.0]})


def test_columns_may_differ_in_their_first_axis(ask, wire):
    body = {
        "signature_name": "outer",
        "inputs": {"a": [1, 2], "b": [1, 10, 100]},
    }
    status, answer = ask("POST", TYPED, body)
    if wire.batching:
        assert status == 400
        return
    assert status == 200, answer
    assert answer["outputs"]["rows"] == [[1, 10, 100], [2, 20, 200]]


def test_rows_of_uneven_outputs_are_400(ask):
    body = {
        "signature_name": "totals",
        "instances": [{"x": 1.0}, {"x": 2.0}],
    }
    status, answer = ask("POST", TYPED, body)
    assert status == 400
    assert list(answer) == ["error"]


def test_scalar_output_comes_in_columns_only(ask, wire):
    body = {"signature_name": "total", "inputs": {"x": [1, 2]}}
    status, answer = ask("POST", TYPED, body)
    if wire.batching:
        assert status == 400
    else:
        assert (status, answer) == (200, {"outputs": 3.0})
    body = {"signature_name": "total", "instances": [1, 2]}
    assert ask("POST", TYPED, body)[0] == 400


def test_columns_ignore_extra_names_and_rows_do_not(ask, columns, rows):
    columns["more"] = [1]
    assert ask("POST", PREDICT, {"inputs": columns})[0] == 200
    rows[0]["more"] = 1
    assert ask("POST", PREDICT, {"instances": rows})[0] == 400


def test_missing_key_of_a_row_is_400(ask, rows):
    del rows[1]["query_x"]
    assert ask("POST", PREDICT, {"instances": rows})[0] == 400


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "JSON Parse error"),
        (b"{", "JSON Parse error"),
        (b"\xff\xfe\x00", "JSON Parse error"),
        (b"{}{}", "JSON Parse error"),
        ([1], "JSON object"),
        (b"null", "JSON object"),
        ({}, "exactly one"),
        ({"instances": [1], "inputs": {}}, "exactly one"),
        ({"instances": []}, "not be empty"),
        ({"inputs": {}}, "not be empty"),
        ({"inputs": None}, "not be empty"),
        ({"instances": {"a": 1}}, "list"),
        ({"instances": [1, 2]}, "object"),
        ({"inputs": [1, 2]}, "object"),
        ({"instances": [1], "signature_name": 3}, "signature_name"),
        ({"inputs": {"support_x": 1}}, "query_x"),
    ],
)
def test_bad_body_is_400(ask, expect, body, part):
    status, answer = ask("POST", PREDICT, body)
    assert status == 400
    assert list(answer) == ["error"]
    expect("body", "INVALID_ARGUMENT", answer["error"], part)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("support_x", [[1.0, [2.0]]]),
        ("support_x", [["1.5"]]),
        ("support_x", [[None]]),
        ("support_x", [[True]]),
        ("support_x", [[{"b64": "AA=="}]]),
        ("support_x", {}),
        ("support_y", [[0.5, 1]]),
        ("support_y", [[2**70]]),
        ("support_y", [[2**63]]),
        ("support_y", [["1"]]),
        ("support_y", [[False]]),
        ("query_x", []),
        ("query_x", [[[[[1.0]]]]]),
        ("query_x", 1.0),
    ],
)
def test_bad_value_names_tensor(ask, expect, columns, name, value):
    columns[name] = value
    status, answer = ask("POST", PREDICT, {"inputs": columns})
    assert status == 400
    expect("json value", "INVALID_ARGUMENT", answer["error"], name)


def test_nested_very_deep_is_400(ask):
    deep = b"[" * 200_000 + b"]" * 200_000
    for body in (deep, b'{"inputs": ' + deep + b"}"):
        status, answer = ask("POST", PREDICT, body)
        assert status == 400
        assert list(answer) == ["error"]


def test_integers_serve_as_floats(ask, columns):
    columns["support_x"] = np.ones((2, 6, 4, 4, 1), int).tolist()
    assert ask("POST", PREDICT, {"inputs": columns})[0] == 200


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("truth", [True], [[1], [0.0], ["true"], [None]]),
        ("int", [7], [[True], [0.5], [2**31], ["7"]]),
        ("long", [-(2**63)], [[2**63], [1.5], [None]]),
        ("byte", [255], [[256], [-1]]),
        ("double", [1e300], [[True], ["1.0"]]),
    ],
)
def test_values_of_every_dtype(ask, name, good, bad):
    inputs = {
        "double": [0.5],
        "int": [1],
        "long": [1],
        "byte": [1],
        "truth": [False],
    }
    body = {"signature_name": "same", "inputs": {**inputs, name: good}}
    status, answer = ask("POST", TYPED, body)
    assert status == 200, answer
    assert answer["outputs"][name] == good
    for value in bad:
        body["inputs"][name] = value
        assert ask("POST", TYPED, body)[0] == 400, value


def test_half_is_unimplemented_in_json(ask):
    body = {"signature_name": "half", "inputs": {"x": [1.0]}}
    assert ask("POST", TYPED, body)[0] == 501


@pytest.mark.parametrize(
    ("token", "value"),
    [("NaN", math.nan), ("Infinity", math.inf), ("-Infinity", -math.inf)],
)
def test_tokens_are_read_and_written(ask, token, value):
    body = f'{{"signature_name": "double", "inputs": [{token}, 1]}}'
    status, answer = ask("POST", TYPED, body.encode())
    assert status == 200
    np.testing.assert_array_equal(answer["outputs"], [value, 2.0])


def test_float32_comes_back_to_the_bit(ask):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 500)).astype(np.float32)
    body = {"signature_name": "wide", "inputs": values.tolist()}
    _, answer = ask("POST", TYPED, body)
    got = np.array(answer["outputs"], np.float32)
    np.testing.assert_array_equal(got, 2 * values)


def test_text_and_bytes_by_output_name(ask):
    data = b"\x00\xffraw"
    b64 = {"b64": base64.b64encode(data).decode()}
    answer = typed(ask, "text", inputs=["plain", {"b64": "dGV4dA=="}])
    assert answer["outputs"]["same"] == ["plain", "text"]
    answer = typed(ask, "text", inputs={"text": [b64]})
    assert answer["outputs"]["same_bytes"] == [b64]
    answer = typed(ask, "length", instances=[b64, "four"])
    assert answer["predictions"] == [len(data), 4]


@pytest.mark.parametrize(
    "value",
    [[1], [None], [["deeper"]], [{"b64": 1}], [{"b64": "*"}], [{"b65": ""}]],
)
def test_bad_strings_are_400(ask, expect, value):
    body = {"signature_name": "length", "inputs": {"x": value}}
    status, answer = ask("POST", TYPED, body)
    assert status == 400
    expect("json value", "INVALID_ARGUMENT", answer["error"], "x")


def test_whitespace_and_order_do_not_matter(ask, columns):
    body = json.dumps(
        {"inputs": columns, "signature_name": ""}, indent=2
    ).encode()
    assert ask("POST", PREDICT, b"\n \t" + body + b"\n")[0] == 200
