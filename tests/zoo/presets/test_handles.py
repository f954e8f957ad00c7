"""Handles: every form, and every malformed one refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from metazoo.errors import PresetError
from metazoo.presets.handles import check_url, parse_handle

HASH = "a" * 64


@pytest.mark.parametrize(
    ("text", "scheme", "location", "sha256"),
    [
        ("protonet_conv4", "name", "protonet_conv4", None),
        ("./protonet_conv4", "local", "./protonet_conv4", None),
        ("/data/a preset", "local", "/data/a preset", None),
        (Path("protonet"), "local", "protonet", None),
        (
            f"https://h/p/metadata.json#sha256={HASH}",
            "https",
            "https://h/p/metadata.json",
            HASH,
        ),
        (
            f"https://h/p/#sha256={HASH}",
            "https",
            "https://h/p/metadata.json",
            HASH,
        ),
        (f"https://h/p.zip#sha256={HASH}", "https", "https://h/p.zip", HASH),
        ("hf://owner/repo", "hf", "owner/repo", None),
        ("hf://owner/repo@v1.0", "hf", "owner/repo@v1.0", None),
        (f"hf://owner/repo#sha256={HASH}", "hf", "owner/repo", HASH),
        ("kaggle://o/m/keras/v", "kaggle", "o/m/keras/v", None),
        ("kaggle://o/m/keras/v/3", "kaggle", "o/m/keras/v/3", None),
        ("gs://bucket/some/folder", "gs", "bucket/some/folder", None),
    ],
)
def test_parse_known_form_gives_handle(text, scheme, location, sha256):
    handle = parse_handle(text)
    assert (handle.scheme, handle.location, handle.sha256) == (
        scheme,
        location,
        sha256,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\0b",
        "s3://bucket/x",
        "file:///etc",
        "https://[::1/metadata.json",
        "hf://repo",
        "hf://a/b/c",
        "hf://../b",
        "kaggle://o/m",
        "gs://bucket",
        "gs://bucket/../other",
        f"hf://owner/repo#sha256={HASH[:-1]}",
        "hf://owner/repo#md5=abc",
    ],
)
def test_parse_unknown_form_refused(text):
    with pytest.raises(PresetError, match="handle:"):
        parse_handle(text)


def test_parse_web_without_hash_refused():
    with pytest.raises(PresetError, match="needs '#sha256='"):
        parse_handle("https://h/p/metadata.json")


def test_parse_web_other_ending_refused():
    with pytest.raises(PresetError, match="must end in"):
        parse_handle(f"https://h/p.pkl#sha256={HASH}")


def test_parse_plain_http_refused():
    with pytest.raises(PresetError, match="only https"):
        parse_handle(f"http://example.org/p.zip#sha256={HASH}")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.example.org/x",
        "http://localhost@example.org/x",
        "javascript:alert(1)",
    ],
)
def test_check_url_disguised_refused(url):
    with pytest.raises(PresetError):
        check_url(url)


def test_key_tells_revisions_apart():
    keys = {
        parse_handle(f"{base}{end}").key
        for base in ("hf://o/r", "hf://o/r@b")
        for end in ("", f"#sha256={HASH}")
    }
    assert len(keys) == 4
