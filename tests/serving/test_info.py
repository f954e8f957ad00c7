"""An exported version describes its tensors."""

from __future__ import annotations

import pytest

from metazoo.errors import ServingError
from metazoo.serving.info import exported_version, read_info, signatures_text


def test_info_has_dtype_shape_and_doc_of_every_tensor(model_dir):
    info = read_info(model_dir / "1")
    by_name = {signature["name"]: signature for signature in info["signatures"]}
    packed = by_name["adapt_predict_bytes"]
    assert packed["inputs"]["support_x"]["dtype"] == "string"
    assert packed["inputs"]["support_x"]["shape"] == [None]
    assert "little-endian" in packed["inputs"]["support_x"]["doc"]
    assert list(packed["inputs"]) == ["support_x", "support_y", "query_x"]
    assert packed["outputs"]["classes"] == {
        "dtype": "int64",
        "shape": [None, None],
        "doc": "",
    }


def test_text_names_every_tensor(model_dir):
    text = signatures_text(read_info(model_dir / "1")["signatures"])
    assert "adapt: adapt of a linear prototype learner." in text
    assert "-> support_y  int64 [?,?]" in text
    assert "<- prototypes  float32 [?,3,6]" in text


def test_newest_version_is_found(model_dir, tmp_path):
    assert exported_version(model_dir) == model_dir / "1"
    assert exported_version(model_dir / "1") == model_dir / "1"
    assert exported_version(tmp_path) is None
    assert exported_version(tmp_path / "nothing") is None


def test_missing_or_damaged_file_is_an_error(tmp_path):
    with pytest.raises(ServingError, match="can't be read"):
        read_info(tmp_path)
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "metazoo.json").write_text("{")
    with pytest.raises(ServingError, match="can't be read"):
        read_info(tmp_path)
