"""Metadata: round trip, and a clear refusal of anything malformed."""

from __future__ import annotations

import json

import pytest

from metazoo.errors import PresetError
from metazoo.presets.format import (
    FORMAT_VERSION,
    FileInfo,
    PresetMetadata,
    hash_file,
)

MINIMAL = {
    "format_version": 1,
    "method": "tiny",
    "class_name": "Tiny",
    "preset": "tiny_x",
    "dataset": "omniglot",
}


def test_round_trip_keeps_every_field():
    metadata = PresetMetadata.from_dict(
        {
            **MINIMAL,
            "recipe": {"inner_steps": 5},
            "metrics": [{"ways": 5, "accuracy": 0.9}],
            "files": {"config.json": {"sha256": "0" * 64, "size": 3}},
            "seed": 3,
            "adaptation_ms": 1.5,
        }
    )
    again = PresetMetadata.from_json(json.dumps(metadata.to_dict()))
    assert again == metadata
    assert again.files["config.json"] == FileInfo("0" * 64, 3)
    assert again.size_bytes == 3


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 999])
def test_newer_format_refused_by_number(version):
    with pytest.raises(PresetError, match=f"format_version {version}.*newer"):
        PresetMetadata.from_dict({"format_version": version, "news": 1})


@pytest.mark.parametrize("version", [None, 0, -1, "1", 1.0, True])
def test_malformed_version_refused(version):
    with pytest.raises(PresetError, match="format_version"):
        PresetMetadata.from_dict({**MINIMAL, "format_version": version})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", 3),
        ("recipe", []),
        ("metrics", {}),
        ("metrics", [3]),
        ("seed", "0"),
        ("seed", True),
        ("preset", "../up"),
        ("preset", ""),
        ("files", {"config.json": 3}),
        ("files", {"config.json": {"sha256": "0" * 63, "size": 1}}),
        ("files", {"config.json": {"sha256": "0" * 64, "size": -1}}),
        ("files", {"config.json": {"sha256": "0" * 64, "size": 1 << 60}}),
        ("files", {"../config.json": {"sha256": "0" * 64, "size": 1}}),
        ("files", {"/config.json": {"sha256": "0" * 64, "size": 1}}),
        ("surprise", 1),
    ],
)
def test_malformed_field_refused_by_name(field, value):
    with pytest.raises(PresetError, match=field):
        PresetMetadata.from_dict({**MINIMAL, field: value})


@pytest.mark.parametrize("field", ["method", "class_name", "dataset"])
def test_missing_field_refused_by_name(field):
    found = {key: MINIMAL[key] for key in MINIMAL if key != field}
    with pytest.raises(PresetError, match=f"{field}.*missing"):
        PresetMetadata.from_dict(found)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff\xfe\xfa"])
def test_not_json_refused(text):
    with pytest.raises(PresetError, match="not valid JSON"):
        PresetMetadata.from_json(text)


@pytest.mark.parametrize("found", [[], 3, None, "x"])
def test_not_an_object_refused(found):
    with pytest.raises(PresetError, match="not an object"):
        PresetMetadata.from_dict(found)


def test_hash_file_is_that_of_hashlib(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert hash_file(path) == FileInfo(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3
    )
