"""Bodies sent with gzip."""

from __future__ import annotations

import gzip

import pytest

from metazoo.serving.server import rest_body
from metazoo.serving.status import StatusError

GZIP = {"content-encoding": "gzip"}


def test_gzip_body_is_unpacked():
    assert rest_body.unpacked(GZIP, gzip.compress(b"body" * 999)) == (
        b"body" * 999
    )


def test_other_bodies_are_left_as_they_are():
    assert rest_body.unpacked({}, gzip.compress(b"x")) == gzip.compress(b"x")


@pytest.mark.parametrize(
    "more", [gzip.compress(b"second"), b"\0", b"} trailing"]
)
def test_bytes_behind_the_first_member_are_refused(more):
    body = gzip.compress(b'{"inputs": 1}')
    with pytest.raises(StatusError, match=f"has {len(more)} bytes behind") as e:
        rest_body.unpacked(GZIP, body + more)
    assert e.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("size", [99, 100])
def test_unpacked_size_is_bounded(monkeypatch, size):
    monkeypatch.setattr(rest_body, "LARGEST_UNPACKED", 99)
    body = gzip.compress(b" " * size)
    if size == 99:
        assert len(rest_body.unpacked(GZIP, body)) == size
        return
    with pytest.raises(StatusError, match="unpacks to over 99 bytes"):
        rest_body.unpacked(GZIP, body)
