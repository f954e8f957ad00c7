"""Where the server listens, and whom it answers."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest
from server_requests import PREDICT

from metazoo.serving import EmbeddedServer


def listening(port):
    """Local addresses, in hexadecimal, of the sockets that listen."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            address, _, state = line.split()[1:4]
            host, _, number = address.partition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(host)
    return found


@pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc/net"
)
def test_nothing_listens_beyond_loopback(limited):
    for port in (limited.port, limited.rest_port):
        (address,) = listening(port)
        # gRPC writes it as an IPv6 address.
        assert address.removeprefix("0" * 16 + "FFFF0000") == "0100007F"


def test_listening_beyond_loopback_is_warned_of(model_dir, caplog):
    with EmbeddedServer({"linear": model_dir}, 0, 0, "0.0.0.0"):
        pass
    assert "listening on 0.0.0.0 without TLS" in caplog.text
    caplog.clear()
    with EmbeddedServer({"linear": model_dir}, 0, 0, "localhost"):
        pass
    assert "without TLS" not in caplog.text


CORS = "access-control-allow-origin"


@pytest.mark.parametrize("enabled", [False, True])
def test_cors_headers_come_only_when_enabled(model_dir, enabled):
    with EmbeddedServer(
        {"linear": model_dir}, 0, 0, enable_cors=enabled, prometheus_path=None
    ) as server:
        connection = http.client.HTTPConnection(
            "127.0.0.1", server.rest_port, timeout=20
        )
        origin = {"Origin": "https://example.org"}
        for method, path, headers, expected in (
            ("OPTIONS", PREDICT, origin, 200),
            ("OPTIONS", PREDICT, {}, 400),
            ("GET", "/v1/models/linear", origin, 200),
            ("GET", "/v1/models/none", {}, 404),
        ):
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            response.read()
            assert response.status == expected
            assert (response.getheader(CORS) == "*") == enabled
        # The metrics are off.
        connection.request("GET", "/monitoring/prometheus/metrics")
        assert connection.getresponse().status == 404
        connection.close()
