"""The REST wire, spoken without the project's client."""

from __future__ import annotations

import gzip
import http.client
import json
import socket

import numpy as np
import pytest

PREDICT = "/v1/models/linear:predict"


@pytest.fixture
def ask(server):
    def send(method, path, body=b"", headers=None):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection(
            "127.0.0.1", server.rest_port, timeout=20
        )
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        if response.getheader("content-type") != "application/json":
            return response.status, data
        return response.status, json.loads(data)

    return send


@pytest.fixture
def columns(request_inputs):
    return {k: v.tolist() for k, v in request_inputs.items()}


@pytest.fixture
def rows(columns):
    return [
        {name: value[task] for name, value in columns.items()}
        for task in range(2)
    ]


def test_rows_and_columns_agree(ask, columns, rows):
    status, by_column = ask("POST", PREDICT, {"inputs": columns})
    assert status == 200
    status, by_row = ask("POST", PREDICT, {"instances": rows})
    assert status == 200
    assert list(by_row) == ["predictions"]
    for task, row in enumerate(by_row["predictions"]):
        for name, value in row.items():
            assert value == by_column["outputs"][name][task]


def test_one_output_comes_bare(ask, columns):
    del columns["query_x"]
    body = {"signature_name": "adapt", "inputs": columns}
    _, answer = ask("POST", PREDICT, body)
    assert np.shape(answer["outputs"]) == (2, 3, 6)
    body = {
        "signature_name": "adapt",
        "instances": [
            {name: value[0] for name, value in columns.items()},
        ],
    }
    _, answer = ask("POST", PREDICT, body)
    assert np.shape(answer["predictions"]) == (1, 3, 6)


def test_columns_ignore_extra_names_and_rows_do_not(ask, columns, rows):
    columns["more"] = [1]
    assert ask("POST", PREDICT, {"inputs": columns})[0] == 200
    rows[0]["more"] = 1
    status, answer = ask("POST", PREDICT, {"instances": rows})
    assert status == 400
    assert "more" in answer["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/linear/versions/1:predict",
        "/V1/Models/linear:PREDICT",
        "/v1/models/%6Cinear:predict",
    ],
)
def test_path_forms_of_predict(ask, columns, path):
    assert ask("POST", path, {"inputs": columns})[0] == 200


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "empty"),
        (b"   ", "empty"),
        (b"{", "JSON Parse error"),
        (b"[" * 100_000, "JSON Parse error"),
        (b"[1]", "object"),
        ({}, "exactly one"),
        ({"instances": [1], "inputs": [1]}, "exactly one"),
        ({"instances": []}, "not be empty"),
        ({"inputs": {}}, "not be empty"),
        ({"instances": {"a": 1}}, "list"),
        ({"instances": [1, 2]}, "object"),
        ({"inputs": [1, 2]}, "object"),
        ({"instances": [1], "signature_name": 3}, "signature_name"),
        ({"inputs": {"support_x": 1}}, "query_x"),
        (b"\xff\xfe\x00", "JSON Parse error"),
    ],
)
def test_bad_body_is_400(ask, body, part):
    status, answer = ask("POST", PREDICT, body)
    assert status == 400
    assert list(answer) == ["error"]
    assert part in answer["error"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("support_x", [[1.0, [2.0]]]),
        ("support_x", [["1.5"]]),
        ("support_x", [[None]]),
        ("support_x", [[True]]),
        ("support_x", [[{"b64": "AA=="}]]),
        ("support_y", [[0.5, 1]]),
        ("support_y", [[2**70]]),
        ("support_y", [[2**63]]),
        ("support_y", [["1"]]),
        ("query_x", []),
        ("query_x", [[[[[1.0]]]]]),
        ("query_x", 1.0),
    ],
)
def test_bad_value_names_tensor(ask, columns, name, value):
    columns[name] = value
    status, answer = ask("POST", PREDICT, {"inputs": columns})
    assert status == 400
    assert f"'{name}'" in answer["error"]


def test_integers_serve_as_floats(ask, columns):
    columns["support_x"] = np.ones((2, 6, 4, 4, 1), int).tolist()
    assert ask("POST", PREDICT, {"inputs": columns})[0] == 200


def test_nan_token_is_read_and_written(ask, request_inputs):
    request_inputs["query_x"][0, 0, 0, 0, 0] = np.nan
    columns = {k: v.tolist() for k, v in request_inputs.items()}
    body = json.dumps({"inputs": columns}).encode()
    assert b"NaN" in body
    status, answer = ask("POST", PREDICT, body)
    assert status == 200
    assert np.isnan(answer["outputs"]["logits"][0][0]).all()


@pytest.mark.parametrize(
    ("method", "path", "expected", "part"),
    [
        ("POST", "/v1/models/nope:predict", 404, "Latest(nope)"),
        ("POST", "/v1/models/linear/versions/9:predict", 404, "linear, 9"),
        ("POST", "/v1/models/linear/labels/x:predict", 400, "x"),
        ("POST", f"/v1/models/linear/versions/{2**64}:predict", 400, "numeric"),
        ("POST", "/v1/models/linear:classify", 400, "Expected one input"),
        ("POST", "/v1/models/linear:regress", 400, "Expected one input"),
        ("POST", "/v1/models/nope:regress", 404, "nope"),
        ("GET", PREDICT, 400, f"Malformed request: GET {PREDICT}"),
        ("DELETE", "/v1/models/linear", 400, "Malformed request: DELETE"),
        ("POST", "/v1/models/linear", 400, "Malformed request: POST"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/nope", 404, "nope"),
        ("GET", "/v1/models/nope/metadata", 404, "nope"),
        ("GET", "/v1/models/linear/versions/9", 404, "9"),
    ],
)
def test_url_errors(ask, columns, method, path, expected, part):
    body = {"inputs": columns} if method == "POST" else b""
    status, answer = ask(method, path, body)
    assert status == expected
    assert part in answer["error"]


def test_unknown_signature_is_400(ask, columns):
    body = {"signature_name": "nope", "inputs": columns}
    status, answer = ask("POST", PREDICT, body)
    assert status == 400
    assert '"nope"' in answer["error"]


def test_outside_v1_is_html_404(ask):
    status, data = ask("GET", "/")
    assert status == 404
    assert data.startswith(b"<html>")


def test_gzip_body_is_unpacked(ask, columns):
    body = gzip.compress(json.dumps({"inputs": columns}).encode())
    headers = {"Content-Encoding": "gzip"}
    assert ask("POST", PREDICT, body, headers)[0] == 200
    assert ask("POST", PREDICT, body[:-20], headers)[0] == 400
    assert ask("POST", PREDICT, b"plain", headers)[0] == 400
    bomb = gzip.compress(b" " * (101 * 2**20), compresslevel=1)
    status, answer = ask("POST", PREDICT, bomb, headers)
    assert status == 400
    assert "unpacks" in answer["error"]


def test_status_and_metadata(ask):
    assert ask("GET", "/v1/models/linear/versions/1") == (
        200,
        {
            "model_version_status": [
                {
                    "version": "1",
                    "state": "AVAILABLE",
                    "status": {"error_code": "OK", "error_message": ""},
                }
            ]
        },
    )
    _, answer = ask("GET", "/v1/models/linear/metadata")
    assert answer["model_spec"]["version"] == "1"
    found = answer["metadata"]["signature_def"]["signature_def"]
    support_y = found["adapt_predict"]["inputs"]["support_y"]
    assert support_y["dtype"] == "DT_INT64"
    assert [d["size"] for d in support_y["tensor_shape"]["dim"]] == ["-1"] * 2


def test_prometheus_counts_requests(ask, columns):
    ask("POST", PREDICT, {"inputs": columns})
    ask("POST", "/v1/models/made-up:predict", {"inputs": columns})
    _, data = ask("GET", "/monitoring/prometheus/metrics")
    text = data.decode()
    assert (
        ':tensorflow:serving:request_count{model_name="linear",status="OK"}'
        in text
    )
    assert ":tensorflow:serving:request_latency_bucket" in text
    assert ":tensorflow:cc:saved_model:load_latency_count" in text
    assert "made-up" not in text


def test_cut_connection_leaves_server_alive(ask, server, columns):
    with socket.create_connection(("127.0.0.1", server.rest_port)) as cut:
        cut.sendall(
            b"POST /v1/models/linear:predict HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
    assert ask("POST", PREDICT, {"inputs": columns})[0] == 200
