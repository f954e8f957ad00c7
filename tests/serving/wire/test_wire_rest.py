"""URLs, methods, headers and statuses of REST, spoken with plain HTTP."""

from __future__ import annotations

import gzip
import http.client
import json
import socket

import pytest

PREDICT = "/v1/models/linear:predict"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/linear/versions/1:predict",
        "/V1/Models/linear:PREDICT",
        "/v1/models/%6Cinear:predict",
        "/v1/models/pair/labels/stable:predict",
        "/v1/models/pair/labels/st%61ble:predict",
    ],
)
def test_path_forms_of_predict(ask, columns, path):
    assert ask("POST", path, {"inputs": columns})[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "expected", "part"),
    [
        ("POST", "/v1/models/nope:predict", 404, "Latest(nope)"),
        ("POST", "/v1/models/Linear:predict", 404, "Latest(Linear)"),
        ("POST", "/v1/models/linear/versions/9:predict", 404, "linear, 9"),
        ("POST", "/v1/models/linear/labels/x:predict", 400, "x"),
        ("POST", f"/v1/models/linear/versions/{2**64}:predict", 400, "numeric"),
        ("POST", "/v1/models/linear:classify", 400, "Expected one input"),
        ("POST", "/v1/models/linear:regress", 400, "Expected one input"),
        ("POST", "/v1/models/nope:regress", 404, "nope"),
        ("GET", PREDICT, 400, f"Malformed request: GET {PREDICT}"),
        ("DELETE", "/v1/models/linear", 400, "Malformed request: DELETE"),
        ("PUT", PREDICT, 400, "Malformed request: PUT"),
        ("POST", "/v1/models/linear", 400, "Malformed request: POST"),
        ("POST", "/v1/models/linear:explain", 400, "Malformed request: POST"),
        ("POST", "/v1/models/a/b:predict", 400, "Malformed request: POST"),
        ("GET", "/v1/models/linear/versions/x", 400, "Malformed request: GET"),
        ("GET", "/v1/nothing", 400, "Malformed request: GET /v1/nothing"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/nope", 404, "nope"),
        ("GET", "/v1/models/nope/metadata", 404, "nope"),
        ("GET", "/v1/models/linear/versions/9", 404, "9"),
        ("GET", "/v1/models/linear/versions/9/metadata", 404, "9"),
    ],
)
def test_url_errors(ask, columns, method, path, expected, part):
    body = {"inputs": columns} if method == "POST" else b""
    status, answer = ask(method, path, body)
    assert status == expected
    assert list(answer) == ["error"]
    assert part in answer["error"]


def test_unknown_signature_is_400(ask, columns):
    body = {"signature_name": "nope", "inputs": columns}
    status, answer = ask("POST", PREDICT, body)
    assert status == 400
    assert '"nope"' in answer["error"]


@pytest.mark.parametrize("path", ["/", "/v2/models/linear", "/favicon.ico"])
def test_outside_v1_is_html_404(ask, path):
    status, data = ask("GET", path)
    assert status == 404
    assert b"<html" in data.lower()


def test_options_is_answered_without_cors(wire):
    connection = http.client.HTTPConnection(*wire.rest, timeout=60)
    connection.request("OPTIONS", PREDICT, headers={"Origin": "http://a.b"})
    response = connection.getresponse()
    assert response.status == 200
    assert response.getheader("access-control-allow-origin") is None
    connection.close()


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "x"])
def test_content_type_is_not_checked(ask, columns, kind):
    headers = {"Content-Type": kind}
    assert ask("POST", PREDICT, {"inputs": columns}, headers)[0] == 200


def test_gzip_body_is_unpacked(ask, columns):
    body = gzip.compress(json.dumps({"inputs": columns}).encode())
    headers = {"Content-Encoding": "gzip"}
    assert ask("POST", PREDICT, body, headers)[0] == 200


def short(body):
    return body[:-20]


def plain(body):
    return b"plain"


def bomb(body):
    return gzip.compress(b" " * (101 * 2**20), compresslevel=1)


@pytest.mark.parametrize("spoil", [short, plain, bomb])
def test_bad_gzip_is_400(ask, columns, spoil):
    body = gzip.compress(json.dumps({"inputs": columns}).encode())
    headers = {"Content-Encoding": "gzip"}
    status, answer = ask("POST", PREDICT, spoil(body), headers)
    assert status == 400
    assert list(answer) == ["error"]


def test_one_connection_serves_many_requests(wire, columns):
    connection = http.client.HTTPConnection(*wire.rest, timeout=60)
    bodies = [json.dumps({"inputs": columns}), "{", "{}"]
    statuses = []
    for body in bodies * 2:
        connection.request("POST", PREDICT, body)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    assert statuses == [200, 400, 400] * 2


def test_chunked_body_is_read(wire, columns):
    body = json.dumps({"inputs": columns}).encode()
    parts = [body[i : i + 1000] for i in range(0, len(body), 1000)]
    connection = http.client.HTTPConnection(*wire.rest, timeout=60)
    connection.request("POST", PREDICT, iter(parts), encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


def test_cut_connection_leaves_server_alive(ask, wire, columns):
    with socket.create_connection(wire.rest) as cut:
        cut.sendall(
            b"POST /v1/models/linear:predict HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
    assert ask("POST", PREDICT, {"inputs": columns})[0] == 200


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n"],
)
def test_what_is_no_http_leaves_server_alive(ask, wire, columns, data):
    with socket.create_connection(wire.rest, timeout=10) as other:
        other.sendall(data)
        other.shutdown(socket.SHUT_WR)
        assert not other.recv(4096).startswith(b"HTTP/1.1 2")
    assert ask("POST", PREDICT, {"inputs": columns})[0] == 200
